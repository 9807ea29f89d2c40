// coe prune: cut a parent by a mask.
#include "coe/cli/render/prune.h"

#include "coe/base/text.h"
#include "coe/child/surgery/apply.h"
#include "coe/child/surgery/plan.h"
#include "coe/child/verify/verify.h"
#include "coe/cli/exit_code.h"
#include "coe/cli/options.h"
#include "coe/cli/render/next_step.h"
#include "coe/cli/verbs/verbs.h"
#include "coe/model/moe/open_model.h"

#include <fmt/format.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace coe::cli {

namespace {

struct PruneVerbOptions {
  Path model;
  Path mask;
  Path output;
  std::string name;
  std::uint32_t n_used = 0;  // 0: as many as the parent
  std::string mode = "slice";
  std::string split_max_size;
  bool drop_mtp = false;
  bool dry_run = false;
  bool no_provenance = false;
  bool no_verify = false;
};

Result<int> prune(const PruneVerbOptions& options, Session& session) {
  COE_TRY_STATUS(check_cut_options(options.mask, options.n_used));
  if (!options.dry_run) {
    if (options.output.empty())
      return fail(Code::kInvalidArgument, "-o: no output given",
                  "add -o CHILD.gguf, or --dry-run to see the plan");
    COE_TRY_STATUS(check_output(options.output, session.overwrite()));
  }
  COE_TRY(const auto model, open_model(options.model, session.console));
  COE_TRY(const auto mask, mask_to_cut(options.mask, options.n_used, model));
  SurgeryOptions surgery;
  surgery.provenance = !options.no_provenance;
  surgery.name = options.name;
  surgery.n_used = options.n_used;
  if (!options.mask.empty()) surgery.mask_name = options.mask.string();
  surgery.mode = options.mode == "zero" ? SurgeryMode::kZero : SurgeryMode::kSlice;
  surgery.drop_mtp = options.drop_mtp;
  if (!options.split_max_size.empty()) {
    auto bytes = parse_bytes(options.split_max_size);
    if (!bytes) return tl::unexpected(std::move(bytes).error().context("--split-max-size"));
    surgery.split_max_bytes = *bytes;
  }
  COE_TRY(const auto plan, plan_surgery(model.file, model.moe, mask, surgery));
  for (const auto& warning : plan.warnings) session.console.warning(warning);

  const auto files = output_paths(options.output, plan);
  using Clock = std::chrono::steady_clock;
  std::optional<VerifyReport> proof;
  std::chrono::duration<double> proof_wall{0};
  const ChildProof prove = [&](std::span<const Path> written) -> Status {
    const auto start = Clock::now();
    COE_TRY(proof, prove_child(options.model, written, files.front(), mask,
                               session.library.dequantizer(), session.console));
    proof_wall = Clock::now() - start;
    return {};
  };
  const auto start = Clock::now();
  if (!options.dry_run)
    COE_TRY_STATUS(apply_plan(model.file, plan, options.output, session.overwrite(),
                              session.console, options.no_verify ? nullptr : prove));
  const std::chrono::duration<double> wall = Clock::now() - start;
  const PruneOutput output{.plan = plan,
                           .parent = options.model,
                           .files = files,
                           .mode = options.mode,
                           .counts = expert_counts(mask, model.moe, options.n_used),
                           .bytes_parent = model.file.header().file_bytes,
                           .dry_run = options.dry_run,
                           .wall_s = (wall - proof_wall).count(),
                           .proof = proof ? &*proof : nullptr,
                           .proof_wall_s = proof_wall.count()};
  const auto masks = options.mask.empty() ? std::vector<Path>{} : std::vector{options.mask};
  const auto next = proof ? next_step("verify", {.model = files.front(), .parent = options.model})
                          : next_step("prune", {.model = options.model,
                                                .output = options.dry_run ? Path() : files.front(),
                                                .masks = masks});
  COE_TRY_STATUS(session.emit(prune_json(output), prune_text(output) + next));
  return kExitDone;
}

}  // namespace

void add_prune(CLI::App& app, Run& run) {
  auto options = std::make_shared<PruneVerbOptions>();
  auto* verb = app.add_subcommand(
      "prune", "Cut a parent by a mask into a smaller GGUF, byte for byte, and prove it");
  add_model_option(*verb, "-m,--model", options->model, "Parent GGUF")->required();
  add_cut_options(*verb, options->mask, options->n_used);
  verb->add_option("-o,--output", options->output, "Child GGUF to write");
  verb->add_option("--mode", options->mode,
                   "slice: smaller file; zero: the parent's shape, removed experts zeroed")
      ->check(CLI::IsMember({"slice", "zero"}))
      ->capture_default_str();
  verb->add_flag("--drop-mtp", options->drop_mtp,
                 "Remove the blocks that only predict further tokens instead of cutting them");
  verb->add_option("--split-max-size", options->split_max_size,
                   "Write several files of at most so much tensor data, e.g. 2G");
  verb->add_flag("--dry-run", options->dry_run, "Print the plan, write nothing");
  verb->add_flag("--no-verify", options->no_verify,
                 "Leave out the proof: the child is not read again and held to parent and mask");
  auto* name = verb->add_option(
      "--name", options->name,
      "Name of the child (default: the parent's, the mask's domain, and how much is kept)");
  verb->add_flag("--no-provenance", options->no_provenance,
                 "Leave out the coe.* keys (parent digest, mask, tool version), and leave names as "
                 "they are in the parent")
      ->excludes(name);
  verb->callback(
      [options, &run] { run = [options](Session& session) { return prune(*options, session); }; });
}

}  // namespace coe::cli
