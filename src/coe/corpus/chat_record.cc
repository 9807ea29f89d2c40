#include "coe/corpus/chat_record.h"

#include "coe/base/json.h"

#include <string>

namespace coe {

std::string chat_record_line(const ChatRecord& record) {
  using Json = nlohmann::ordered_json;
  const Json line = {{"text", record.text},
                     {"source", record.source},
                     {"domain", record.domain},
                     {"weight", record.weight},
                     {"format", record.format},
                     {"problem", record.problem},
                     {"thinking", record.thinking},
                     {"solution", record.solution},
                     {"ended", record.ended},
                     {"n_token_prompt", record.n_token_prompt},
                     {"n_token_generated", record.n_token_generated}};
  return json_line(line);
}

}  // namespace coe
