#include "coe/cli/render/serve.h"

#include "coe/base/shell_word.h"
#include "coe/base/text.h"
#include "coe/cli/render/table.h"

#include <fmt/format.h>

#include <vector>

namespace coe::cli {

namespace {

std::string model_to_ask(const CollegeSpec& spec, const CollegeServer& server) {
  return server.chooses() ? spec.name : server.models().front().name;
}

}  // namespace

Json serve_json(const CollegeSpec& spec, const CollegeServer& server) {
  auto doc = document("serve");
  doc["url"] = server.url();
  doc["college"] = server.chooses() ? Json(spec.name) : Json(nullptr);
  doc["memory_bytes"] = server.memory();
  doc["needs_key"] = server.needs_key();
  auto& models = doc["models"] = Json::array();
  for (const auto& model : server.models())
    models.push_back({{"name", model.name},
                      {"source", model.source},
                      {"memory_bytes", model.memory},
                      {"unsure", model.is_unsure}});
  return doc;
}

std::string serve_text(const CollegeSpec& spec, const CollegeServer& server) {
  std::vector<std::vector<std::string>> rows = {{"model", "memory", "from"}};
  for (const auto& model : server.models())
    rows.push_back({model.name + (model.is_unsure ? " (where unsure)" : ""),
                    model.memory > 0 ? human_bytes(model.memory) : "not here", model.source});
  std::string text = fmt::format("serving at {}\n{}", server.url(), format_table(rows));
  if (server.memory() > 0)
    text += fmt::format("models are loaded when asked for, up to {} together\n",
                        human_bytes(server.memory()));
  if (server.chooses()) text += fmt::format("the model `{}` has the right one chosen\n", spec.name);
  const auto body =
      fmt::format(R"({{"model": "{}", "messages": [{{"role": "user", "content": "Hello"}}]}})",
                  model_to_ask(spec, server));
  text += fmt::format("page: {}/\nnext: curl {}/v1/chat/completions{} -d {}\n", server.url(),
                      server.url(), server.needs_key() ? " -H \"Authorization: Bearer $KEY\"" : "",
                      shell_word(body));
  return text;
}

}  // namespace coe::cli
