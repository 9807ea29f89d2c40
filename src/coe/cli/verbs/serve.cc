// coe serve: specialists behind one OpenAI-compatible address.
#include "coe/college/serve/serve.h"

#include "coe/ask/ask.h"
#include "coe/base/file.h"
#include "coe/base/observer.h"
#include "coe/base/printable.h"
#include "coe/base/text.h"
#include "coe/cli/console.h"
#include "coe/cli/exit_code.h"
#include "coe/cli/options.h"
#include "coe/cli/render/serve.h"
#include "coe/cli/verbs/verbs.h"
#include "coe/college/choose/chooser.h"
#include "coe/college/choose/dispatcher.h"
#include "coe/college/serve/college_spec.h"
#include "coe/college/serve/college_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <thread>

namespace coe::cli {

namespace {

// Answers under way get so long when the server is told to end; a second Ctrl-C waits for nothing.
constexpr double kSecondsToFinish = 20.0;

struct ServeVerbOptions {
  Path college;
  Path mask;
  EngineOptions engine;
  std::optional<std::string> host;
  std::optional<std::uint16_t> port;
  Path keys;
  std::string memory;
  std::optional<std::uint32_t> n_ctx;
  std::optional<int> n_threads;
  std::optional<int> n_gpu_layers;
  bool think = false;
  Path log;
  bool log_text = false;
  Path cache;
};

// A blob of Ollama has no ending that tells.
bool holds_model(const Path& file) {
  if (file.extension() == ".gguf") return true;
  const auto opened = MappedFile::open(file);
  constexpr std::string_view kMagic = "GGUF";
  return opened && opened->bytes().size() >= kMagic.size() &&
         std::memcmp(opened->bytes().data(), kMagic.data(), kMagic.size()) == 0;
}

Result<CollegeSpec> spec_of(const ServeVerbOptions& options) {
  CollegeSpec spec;
  const bool is_model = holds_model(options.college);
  if (!is_model && !options.mask.empty())
    return fail(Code::kInvalidArgument, "--mask: it goes with a parent GGUF",
                "in a college.toml, a specialist names parent and mask");
  if (is_model) {
    spec = college_of(options.mask.empty() ? options.college : options.mask.stem());
    auto& member = spec.members.front();
    member.where = options.college.string();
    if (!options.mask.empty()) {
      member.model.clear();
      member.parent = options.college;
      member.mask = options.mask;
    }
  } else {
    COE_TRY(spec, read_college(options.college));
  }
  if (options.host) spec.host = *options.host;
  if (options.port) spec.port = *options.port;
  if (!options.keys.empty()) spec.keys = options.keys;
  if (!options.memory.empty()) {
    auto bytes = parse_bytes(options.memory);
    if (!bytes) return tl::unexpected(std::move(bytes).error().context("--memory"));
    spec.memory = *bytes;
  }
  if (!options.log.empty()) spec.log = options.log;
  if (!options.cache.empty()) spec.cache = options.cache;
  spec.log_text = spec.log_text || options.log_text;
  if (spec.log_text && spec.log.empty())
    return fail(Code::kInvalidArgument, "--log-text: there is no log", "add --log FILE");
  auto& serving = spec.serving;
  serving.think = serving.think || options.think;
  if (options.n_ctx) serving.n_ctx = *options.n_ctx;
  if (options.n_threads) serving.n_threads = *options.n_threads;
  if (options.n_gpu_layers) serving.n_gpu_layers = *options.n_gpu_layers;
  return spec;
}

// By the dispatcher's file, or by what the specialists' text teaches; empty where there is neither.
std::function<Result<CollegeChooser>()> opener(const CollegeSpec& spec,
                                               const EngineLibrary& library) {
  const auto has_text = [](const MemberSpec& member) { return !member.text.empty(); };
  const bool learns = std::ranges::count_if(spec.members, has_text) > 1;
  if (spec.dispatcher.empty() && !learns) return {};
  return [&spec, &library]() -> Result<CollegeChooser> {
    std::shared_ptr<Chooser> chooser;
    if (!spec.dispatcher.empty()) {
      COE_TRY(chooser, open_chooser(spec.dispatcher,
                                    {.library = &library, .n_threads = spec.serving.n_threads}));
    } else {
      const auto say = [](std::string_view message) {
        print_stderr(printable_lines(fmt::format("{}\n", message)));
      };
      COE_TRY(const auto text, college_text(spec, {.note = say}, silent_observer()));
      COE_TRY(chooser, train_text_chooser(text));
    }
    return CollegeChooser{
        .names = chooser->names(),
        .choose = [chooser](std::span<const std::string> turns) -> Result<Selection> {
          // About a request without a word of the user nobody can be sure.
          static const std::array<std::string, 1> nothing_said = {};
          if (turns.empty()) turns = nothing_said;
          COE_TRY(const auto chosen, choose_in_conversation(*chooser, turns));
          return Selection{.chosen = chosen.choice.chosen,
                           .stayed = chosen.stayed,
                           .scores = chosen.choice.scores};
        }};
  };
}

Result<int> serve(const ServeVerbOptions& options, Session& session) {
  ServeSetup setup;
  COE_TRY(setup.spec, spec_of(options));
  setup.open_chooser = opener(setup.spec, session.library);
  setup.sampling = specialist_defaults().sampling;
  setup.engine = options.engine;
  setup.engine.n_gpu_layers = setup.spec.serving.n_gpu_layers;
  std::error_code ec;
  setup.program = std::filesystem::read_symlink("/proc/self/exe", ec);
  if (ec) return fail(Code::kIo, "/proc/self/exe: cannot find this program's own file");
  COE_TRY(const auto server, CollegeServer::start(setup, session.library, session.console));
  COE_TRY_STATUS(session.emit(serve_json(setup.spec, *server), serve_text(setup.spec, *server)));
  while (!session.console.cancelled()) std::this_thread::sleep_for(std::chrono::milliseconds(100));
  if (!session.quiet && server->n_active() > 0)
    print_stderr(fmt::format("ending: {} answers under way get {:g} s; Ctrl-C again ends at once\n",
                             server->n_active(), kSecondsToFinish));
  server->stop(kSecondsToFinish);
  return kExitDone;
}

}  // namespace

void add_serve(CLI::App& app, Run& run) {
  auto options = std::make_shared<ServeVerbOptions>();
  serve_defaults(options->engine);
  auto* verb = app.add_subcommand(
      "serve",
      "Serve specialists behind one OpenAI-compatible address, with a page, and have the right one "
      "answer");
  add_model_option(*verb, "college", options->college,
                   "college.toml (docs/formats/college.md), or one GGUF to be served alone")
      ->required();
  verb->add_option("--mask", options->mask,
                   "With a parent GGUF: serve the cut that this mask makes");
  verb->add_option("--host", options->host, "Address to listen at (default: 127.0.0.1)");
  verb->add_option("--port", options->port, "Port to listen at; 0: any (default: 8080)");
  verb->add_option("--keys", options->keys,
                   "File of API keys, one a line, of which requests need one");
  verb->add_option(
      "--memory", options->memory,
      "What loaded models may take, e.g. 12G (default: what is free on the GPU, or 85 % "
      "of the machine's)");
  verb->add_option("-c,--ctx-size", options->n_ctx, "Context of each model (default: 8192)")
      ->transform(context_length())
      ->check(CLI::PositiveNumber);
  verb->add_option("-t,--threads", options->n_threads, "Threads of each model (default: all cores)")
      ->check(CLI::PositiveNumber);
  verb->add_option("--n-gpu-layers,--gpu-layers", options->n_gpu_layers,
                   "Layers on GPUs, also -ngl (default: as many as there is room for)")
      ->check(CLI::NonNegativeNumber);
  verb->add_flag("--think", options->think, "Let models think before they answer (default: off)");
  verb->add_option("--log", options->log, "Add a line of JSON for each request to this file");
  verb->add_flag("--log-text", options->log_text, "Also what users say");
  verb->add_option("--cache", options->cache,
                   "Folder of specialists cut from parent and mask (default: in the user's cache)");
  verb->callback(
      [options, &run] { run = [options](Session& session) { return serve(*options, session); }; });
}

}  // namespace coe::cli
