// coe package: a specialist as programs and people take it, and the proof of one.
#include "coe/college/package/package.h"

#include "coe/cli/answerer_options.h"
#include "coe/cli/exit_code.h"
#include "coe/cli/options.h"
#include "coe/cli/render/next_step.h"
#include "coe/cli/render/package.h"
#include "coe/cli/verbs/verbs.h"
#include "coe/college/package/check.h"
#include "coe/college/package/planned_manifest.h"

#include <fmt/format.h>

#include <cstdint>
#include <memory>
#include <string>

namespace coe::cli {

namespace {

struct PackageVerbOptions {
  PackageOptions package;
  Path check;
  std::string system;
  std::uint32_t n_ctx = kPackagedContext;
};

Result<int> check(const PackageVerbOptions& options, Session& session) {
  COE_TRY(const auto proof, check_package(options.check, options.package.parent, session.library,
                                          session.console, options.package.chat_check));
  COE_TRY_STATUS(session.emit(package_check_json(options.check, proof),
                              package_check_text(options.check, proof)));
  return proof.ok() ? kExitDone : kExitCheckFailed;
}

Result<int> make(PackageOptions options, const std::string& system, Session& session) {
  if (options.child.empty())
    return fail(Code::kInvalidArgument, "no specialist was given",
                "coe package CHILD.gguf -o DIR, or coe package --check DIR");
  if (options.output.empty())
    return fail(Code::kInvalidArgument, "-o: no output given", "add -o DIR");
  options.overwrite = session.overwrite();
  COE_TRY(options.system, system_text(system));
  COE_TRY(const auto report, make_package(options, session.library, session.console));
  const auto next = next_step("package", {.parent = options.parent, .output = options.output});
  COE_TRY_STATUS(session.emit(package_json(report), package_text(report) + next));
  return kExitDone;
}

}  // namespace

void add_package(CLI::App& app, Run& run) {
  auto options = std::make_shared<PackageVerbOptions>();
  auto& package = options->package;
  serve_defaults(package.engine);
  auto* verb = app.add_subcommand(
      "package",
      "Put a specialist into a folder for Ollama, llama-server, LM Studio, llama-swap "
      "and the Hub, or prove one");
  auto* child = add_model_option(*verb, "child", package.child,
                                 "Specialist, of `coe specialize` or `coe prune`");
  auto* output = verb->add_option("-o,--output", package.output, "Folder to make");
  auto* check_folder =
      verb->add_option("--check", options->check,
                       "Prove this package: its hashes, mask, Modelfile, template and card, and "
                       "with -m that parent and mask give the model again; exit 1 if not");
  check_folder->excludes(child)->excludes(output);
  add_model_option(*verb, "-m,--model", package.parent,
                   "Parent GGUF: its SHA-256 and licence; with --check to make the child again");
  verb->add_option("--mask", package.mask,
                   "Mask to hold the child to (default: NAME.mask.json beside it)")
      ->excludes(check_folder);
  verb->add_option("--name", package.name,
                   "Title of the card and name for servers (default: the "
                   "name in the file)")
      ->excludes(check_folder);
  verb->add_option("--license", package.license,
                   "Licence, as the Hub names it (apache-2.0); default: what the file says")
      ->excludes(check_folder);
  verb->add_option("--base-model", package.base_model,
                   "The parent on the Hugging Face Hub, as ORGANISATION/NAME (default: what the "
                   "file says)")
      ->excludes(check_folder);
  verb->add_option("--publisher", package.publisher, "Your name in LM Studio's folders")
      ->capture_default_str()
      ->excludes(check_folder);
  verb->add_option("--system", options->system,
                   "System message of the Modelfile, or a file that holds it")
      ->excludes(check_folder);
  auto* context =
      verb->add_option("--num-ctx", options->n_ctx, "Context that the programs are told to use")
          ->transform(context_length())
          ->check(CLI::PositiveNumber)
          ->capture_default_str()
          ->excludes(check_folder);
  verb->add_flag("!--no-chat-check", package.chat_check,
                 "Leave NAME.chat.json, with its questions and answers, out of the package; with "
                 "--check do not ask them again");
  verb->callback([options, context, &run] {
    if (context->count() > 0) options->package.n_ctx = options->n_ctx;
    run = [options](Session& session) {
      return options->check.empty() ? make(options->package, options->system, session)
                                    : check(*options, session);
    };
  });
}

}  // namespace coe::cli
