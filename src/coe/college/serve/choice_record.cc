#include "coe/college/serve/choice_record.h"

namespace coe {

void put_scores(nlohmann::ordered_json& json, const ChoiceRecord& choice) {
  auto& scores = json["scores"] = nlohmann::ordered_json::object();
  for (const auto& [name, score] : choice.scores) scores[name] = score;
  if (choice.consulted.empty()) return;
  json["consulted"] = choice.consulted;
  json["consulted_tokens"] = choice.consulted_tokens;
}

}  // namespace coe
