// What a college reads of strangers: the bodies of requests, and its own description. A body that
// is taken must give valid JSON when its model is replaced, with that model in it and the same
// words of the user.
#include "coe/college/serve/college_spec.h"
#include "coe/college/serve/consult.h"
#include "coe/college/serve/openai.h"

#include "require.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto spec = coe::parse_college(text, "college.toml");
  if (spec) {
    require(!spec->members.empty());
  } else {
    require_plain(spec.error(), {coe::Code::kCorrupt});
    require(spec.error().message.starts_with("college.toml"));
  }
  (void)coe::read_opinion("web", text);
  const auto request = coe::read_model_request(text);
  if (!request) return 0;
  const auto renamed = coe::read_model_request(coe::with_model(text, "web"));
  require(renamed && renamed->model == "web" && renamed->user_turns == request->user_turns);
  const auto question = coe::consultation_of(text);
  if (!question) return 0;
  const std::array opinions = {coe::Opinion{.who = "web", .answer = "42"}};
  const auto merged = coe::read_model_request(coe::merging_body(text, opinions));
  require(coe::read_model_request(*question).has_value());
  require(merged && merged->user_turns.size() == request->user_turns.size() + 1);
  return 0;
}
