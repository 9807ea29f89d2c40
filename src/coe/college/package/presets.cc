#include "coe/college/package/presets.h"

#include "coe/base/text.h"
#include "coe/college/package/quoting.h"

#include <fmt/format.h>

#include <utility>

namespace coe {
namespace {

// llama-server's options with their values, the model's file apart.
std::vector<std::pair<std::string, std::string>> server_options(const PackageManifest& m) {
  return {{"ctx-size", fmt::format("{}", m.n_ctx)},
          {"n-predict", fmt::format("{}", m.max_new_tokens)},
          {"reasoning", "off"},
          {"temp", fmt::format("{:g}", m.sampling.temperature)},
          {"top-k", fmt::format("{}", m.sampling.top_k)},
          {"top-p", fmt::format("{:g}", m.sampling.top_p)},
          {"min-p", "0"},  // the server's own is 0.05
          {"repeat-penalty", fmt::format("{:g}", m.sampling.repeat_penalty)},
          {"repeat-last-n", fmt::format("{}", m.sampling.repeat_last_n)}};
}

ProgramUse use_in_ollama(const PackageManifest& m) {
  const auto name = ollama_name(m);
  return {.program = "Ollama",
          .commands = {{"ollama", "create", name, "-f", std::string(kModelfile)},
                       {"ollama", "run", name, "--think=false"}},
          .note = fmt::format("`ollama show --modelfile {}` shows what it was created with.", name),
          .think_off =
              "`\"think\": false` in the request, `--think=false` on the command "
              "line, `/set nothink` in a session; the Modelfile cannot say it"};
}

}  // namespace

Result<std::string> modelfile_for(const PackageManifest& m, const ModelfileParts& parts) {
  std::string text = fmt::format(
      "# ollama create {} -f Modelfile\n"
      "# Thinking is switched off in the request (\"think\": false) or by `ollama run "
      "--think=false`:\n"
      "# a Modelfile has no parameter for it.\n"
      "FROM ./{}\n",
      ollama_name(m), m.model.file);
  if (!parts.renderer.empty()) text += fmt::format("RENDERER {}\n", parts.renderer);
  if (!parts.parser.empty()) text += fmt::format("PARSER {}\n", parts.parser);
  for (const auto& stop : parts.stops) {
    COE_TRY(const auto quoted, modelfile_text(stop, "a token that ends turns"));
    text += fmt::format("PARAMETER stop {}\n", quoted);
  }
  text += fmt::format(
      "PARAMETER temperature {:g}\n"
      "PARAMETER top_k {}\n"
      "PARAMETER top_p {:g}\n"
      "PARAMETER repeat_penalty {:g}\n"
      "PARAMETER repeat_last_n {}\n"
      "PARAMETER num_ctx {}\n"
      "PARAMETER num_predict {}\n",
      m.sampling.temperature, m.sampling.top_k, m.sampling.top_p, m.sampling.repeat_penalty,
      m.sampling.repeat_last_n, m.n_ctx, m.max_new_tokens);
  if (!parts.system.empty()) {
    COE_TRY(const auto quoted, modelfile_text(parts.system, "the system message"));
    text += fmt::format("SYSTEM {}\n", quoted);
  }
  if (!parts.license.empty()) {
    COE_TRY(const auto quoted, modelfile_text(parts.license, "the licence"));
    text += fmt::format("LICENSE {}\n", quoted);
  }
  return text;
}

std::string server_preset_text(const PackageManifest& m) {
  std::string text = fmt::format(
      "; Run in this folder, for the model's path counts from there:\n"
      "; llama-server --models-preset {}\n"
      "version = 1\n"
      "\n"
      "[{}]\n"
      "model = ./{}\n",
      kServerPreset, m.slug, m.model.file);
  for (const auto& [key, value] : server_options(m)) text += fmt::format("{} = {}\n", key, value);
  return text;
}

std::string swap_config_text(const PackageManifest& m) {
  std::string text = fmt::format(
      "# Run in this folder, for the model's path counts from there:\n"
      "# llama-swap --config {}\n"
      "models:\n"
      "  {}:\n",
      kSwapConfig, yaml_text(m.slug));
  // llama-swap replaces ${…} wherever it stands.
  if (m.name.find('$') == std::string::npos)
    text += fmt::format("    name: {}\n", yaml_text(m.name));
  text += fmt::format("    cmd: |\n      llama-server --port ${{PORT}}\n      --model ./{}\n",
                      m.model.file);
  for (const auto& [key, value] : server_options(m))
    text += fmt::format("      --{} {}\n", key, value);
  return text;
}

std::string ollama_name(const PackageManifest& m) { return lower_ascii(m.slug); }

std::string lm_studio_path(const PackageManifest& m) {
  return fmt::format("{}/{}/{}/{}", kLmStudio, m.publisher, m.slug, m.model.file);
}

std::vector<ProgramUse> program_uses(const PackageManifest& m, bool links) {
  std::vector<ProgramUse> uses = {use_in_ollama(m)};
  if (m.model.needs_text_part) {
    uses.push_back(
        {.program = "coe serve",
         .commands = {{"coe", "serve", m.model.file}},
         .note = "It serves the text part. llama-server, llama-swap and LM Studio do not load this "
                 "file, which has a vision or audio tower, or names of Ollama's.",
         .think_off = "off, unless `--think`"});
    return uses;
  }
  std::vector<std::string> server = {"llama-server", "-m", m.model.file};
  for (const auto& [key, value] : server_options(m)) {
    server.push_back("--" + key);
    server.push_back(value);
  }
  uses.push_back({.program = "llama-server",
                  .commands = {{"llama-server", "--models-preset", std::string(kServerPreset)}},
                  .note = fmt::format("Requests name the model `{}`.", m.slug),
                  .think_off =
                      "`reasoning = off` in the preset; in a request `\"chat_template_kwargs\": "
                      "{\"enable_thinking\": false}` or `\"reasoning_effort\": \"none\"`"});
  uses.push_back({.program = "llama-server, this model alone",
                  .commands = {std::move(server)},
                  .note = {},
                  .think_off = "`--reasoning off`"});
  const auto repository = m.publisher + "/" + m.slug;
  ProgramUse studio{
      .program = "LM Studio",
      .commands = {{"lms", "import", "--hard-link", "--user-repo", repository, m.model.file}},
      .note =
          "Without `--hard-link` or `--copy`, `lms import` moves the file out of this folder. "
          "LM Studio sees no file outside PUBLISHER/MODEL/.",
      .think_off =
          "not confirmed; a file that was imported may show no switch for it, so look at "
          "the first answer"};
  if (links)
    studio.note += fmt::format(" `{}/` has these folders ready: `cp -rl {}/. ~/.lmstudio/models`.",
                               kLmStudio, kLmStudio);
  uses.push_back(std::move(studio));
  uses.push_back({.program = "llama-swap",
                  .commands = {{"llama-swap", "--config", std::string(kSwapConfig)}},
                  .note = fmt::format("It runs the llama-server that is on the PATH. Requests name "
                                      "the model `{}`.",
                                      m.slug),
                  .think_off = "`--reasoning off` in its command"});
  return uses;
}

}  // namespace coe
