#include "coe/measure/chat_check/chat_check_json.h"

#include "coe/base/json.h"

#include <string>
#include <utility>

namespace coe {

using Json = nlohmann::ordered_json;

Json chat_counts_json(const ChatCheck& check) {
  const bool ran = check.not_run.empty();
  return {{"n_question", check.n_question},
          {"n_answer", check.answers.size()},
          {"n_bad", check.n_bad()},
          {"n_thinks", check.n_with(&ChatFaults::thinks)},
          {"n_markers", check.n_with(&ChatFaults::markers)},
          {"n_empty", check.n_with(&ChatFaults::empty)},
          {"n_loops", check.n_with(&ChatFaults::loops)},
          {"passed", ran ? Json(check.passed()) : Json(nullptr)},
          {"not_run", ran ? Json(nullptr) : Json(check.not_run)}};
}

Json chat_check_json(const ChatCheck& check) {
  Json json = chat_counts_json(check);
  json["engine"] = check.engine;
  json["answers"] = Json::array();
  for (const auto& answer : check.answers)
    json["answers"].push_back({{"question", answer.question.text},
                               {"from_chat", answer.question.from_chat},
                               {"thinking", answer.thinking},
                               {"content", answer.content},
                               {"n_token", answer.n_token},
                               {"ended", answer.ended},
                               {"thinks", answer.faults.thinks},
                               {"markers", answer.faults.markers},
                               {"empty", answer.faults.empty},
                               {"loops", answer.faults.loops}});
  return json;
}

ChatCheck read_chat_check(const Json& json) {
  ChatCheck check;
  if (const auto& why = json.at("not_run"); !why.is_null()) check.not_run = why.get<std::string>();
  check.n_question = json.at("n_question").get<std::size_t>();
  check.engine = json.at("engine").get<std::string>();
  for (const auto& item : json.at("answers")) {
    ChatCheckAnswer answer;
    answer.question = {item.at("question").get<std::string>(), item.at("from_chat").get<bool>()};
    answer.thinking = item.at("thinking").get<std::string>();
    answer.content = item.at("content").get<std::string>();
    answer.n_token = item.at("n_token").get<std::uint64_t>();
    answer.ended = item.at("ended").get<bool>();
    answer.faults = {item.at("thinks").get<bool>(), item.at("markers").get<bool>(),
                     item.at("empty").get<bool>(), item.at("loops").get<bool>()};
    check.answers.push_back(std::move(answer));
  }
  return check;
}

}  // namespace coe
