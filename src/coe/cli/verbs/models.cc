// coe models: what other programs have on this disk, by the names that -m takes.
#include "coe/cli/render/models.h"

#include "coe/cli/exit_code.h"
#include "coe/cli/verbs/verbs.h"

#include <algorithm>
#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace coe::cli {

namespace {

// Newer builds of llama.cpp share the Hub's cache: what is listed there is not listed twice.
bool is_listed(const ModelListing& listing, const StoredModel& model) {
  return model.whole()
             ? std::ranges::any_of(
                   listing.models,
                   [&](const ListedModel& other) { return other.model.files == model.files; })
             : model.program == Program::kLlama &&
                   std::ranges::any_of(listing.models, [&](const ListedModel& other) {
                     return other.model.program == Program::kHub && other.model.name == model.name;
                   });
}

Result<int> models(const std::vector<std::string>& prefixes, Session& session) {
  const auto around = Surroundings::of_process();
  ModelListing listing;
  for (const auto& facts : all_programs()) {
    if (!prefixes.empty() && std::ranges::find(prefixes, facts.prefix) == prefixes.end()) continue;
    listing.programs.push_back(facts.program);
    for (auto& model : stored_models(facts.program, around))
      if (!is_listed(listing, model)) listing.models.push_back({std::move(model), {}});
  }
  for (std::size_t i = 0; i < listing.models.size(); ++i) {
    auto& [model, about] = listing.models[i];
    session.console.progress("headers", i, listing.models.size(), "files");
    if (session.console.cancelled()) return fail(Code::kCancelled, "interrupted");
    if (!model.whole()) continue;
    if (auto found = about_model(model.files.front()))
      about = *std::move(found);
    else
      model.problem = std::move(found).error().message;
  }
  COE_TRY_STATUS(session.emit(models_json(listing, around), models_text(listing, around)));
  return kExitDone;
}

}  // namespace

void add_models(CLI::App& app, Run& run) {
  auto prefixes = std::make_shared<std::vector<std::string>>();
  auto* verb = app.add_subcommand(
      "models", "List the models of Ollama, Hugging Face, LM Studio and llama.cpp on this disk");
  std::vector<std::string> known;
  for (const auto& facts : all_programs()) known.emplace_back(facts.prefix);
  verb->add_option("program", *prefixes, "Only of these programs")->check(CLI::IsMember(known));
  verb->callback([prefixes, &run] {
    run = [prefixes](Session& session) { return models(*prefixes, session); };
  });
}

}  // namespace coe::cli
