// coe prune: cut a parent by a mask.
#include "coe/base/checked.h"
#include "coe/base/text.h"
#include "coe/child/surgery/apply.h"
#include "coe/child/surgery/plan.h"
#include "coe/cli/exit_code.h"
#include "coe/cli/render/next_step.h"
#include "coe/cli/render/plan.h"
#include "coe/cli/verbs/verbs.h"
#include "coe/mask/keep_mask.h"
#include "coe/model/moe/open_model.h"

#include <fmt/format.h>

#include <charconv>
#include <chrono>
#include <memory>
#include <optional>

namespace coe::cli {

namespace {

struct PruneVerbOptions {
  Path model;
  Path mask;
  Path output;
  std::string name;
  std::string mode = "slice";
  std::string split_max_size;
  bool drop_mtp = false;
  bool dry_run = false;
  bool no_provenance = false;
};

// "500M", "2G", "1048576": bytes, in units of 1000 as llama-gguf-split counts. Errors:
// kInvalidArgument.
Result<std::uint64_t> parse_size(const std::string& text) {
  std::uint64_t number = 0;
  const auto* const end = text.data() + text.size();
  const auto [stop, ec] = std::from_chars(text.data(), end, number);
  const std::string_view unit(stop, static_cast<std::size_t>(end - stop));
  const std::uint64_t scale = unit.empty()  ? 1
                              : unit == "M" ? 1'000'000
                              : unit == "G" ? 1'000'000'000
                                            : 0;
  const auto bytes = checked_mul(number, scale);
  if (ec != std::errc{} || !bytes || *bytes == 0)
    return fail(Code::kInvalidArgument, fmt::format("--split-max-size: `{}` is no size", text),
                "write it as 500M or 2G");
  return *bytes;
}

// The child's; null where it has none.
Json name_of(const SurgeryPlan& plan) {
  const auto* key = plan.parts.front().header.find_key("general.name");
  const auto name = key == nullptr ? std::nullopt : key->as_string();
  return name ? Json(*name) : Json(nullptr);
}

Result<int> prune(const PruneVerbOptions& options, Session& session) {
  if (!options.dry_run) {
    if (options.output.empty())
      return fail(Code::kInvalidArgument, "-o: no output given",
                  "add -o CHILD.gguf, or --dry-run to see the plan");
    COE_TRY_STATUS(check_output(options.output, session.overwrite()));
  }
  COE_TRY(const auto mask_text, read_text(options.mask));
  COE_TRY(const auto mask, parse_mask(mask_text, options.mask.string()));
  COE_TRY(const auto model, open_model(options.model, session.console));
  SurgeryOptions surgery;
  surgery.provenance = !options.no_provenance;
  surgery.name = options.name;
  surgery.mask_name = options.mask.string();
  surgery.mode = options.mode == "zero" ? SurgeryMode::kZero : SurgeryMode::kSlice;
  surgery.drop_mtp = options.drop_mtp;
  if (!options.split_max_size.empty()) {
    COE_TRY(surgery.split_max_bytes, parse_size(options.split_max_size));
  }
  COE_TRY(const auto plan, plan_surgery(model.file, model.moe, mask, surgery));
  for (const auto& warning : plan.warnings) session.console.warning(warning);

  const auto start = std::chrono::steady_clock::now();
  if (!options.dry_run)
    COE_TRY_STATUS(
        apply_plan(model.file, plan, options.output, session.overwrite(), session.console));
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();

  const auto bytes_parent = model.file.header().file_bytes;
  const auto bytes_child = plan.file_bytes;
  auto doc = document("prune");
  doc["parent"] = options.model.string();
  doc["child"] = output_paths(options.output, plan).front().string();
  doc["files"] = Json::array();
  for (const auto& path : output_paths(options.output, plan)) doc["files"].push_back(path.string());
  doc["name"] = name_of(plan);
  doc["mode"] = options.mode;
  doc["n_keep"] = mask.n_keep();
  doc["n_expert"] = model.moe.n_expert;
  doc["bytes_parent"] = bytes_parent;
  doc["bytes_child"] = bytes_child;
  doc["n_tensor"] = plan.n_tensor;
  doc["n_tensor_cut"] = plan.n_tensor_cut;
  doc["dry_run"] = options.dry_run;
  doc["wall_s"] = seconds;
  doc["warnings"] = plan.warnings;
  std::string text;
  if (options.dry_run) {
    doc["tensors"] = plan_json(plan);
    text =
        plan_table(plan) + fmt::format("would cut {} of {} tensors: {} to {} in {} file(s)\n",
                                       plan.n_tensor_cut, plan.n_tensor, human_bytes(bytes_parent),
                                       human_bytes(bytes_child), plan.parts.size());
  } else {
    text = fmt::format(
        "{}: {} of {} experts a layer, {} → {} ({:.0f} %), {} tensors cut in {:.2f} s\n",
        doc["child"].get<std::string>(), mask.n_keep(), model.moe.n_expert,
        human_bytes(bytes_parent), human_bytes(bytes_child),
        100.0 * static_cast<double>(bytes_child) / static_cast<double>(bytes_parent),
        plan.n_tensor_cut, seconds);
  }
  text += next_step("prune",
                    {.model = options.model,
                     .output = options.dry_run ? Path() : Path(doc["child"].get<std::string>()),
                     .masks = {options.mask}});
  COE_TRY_STATUS(session.emit(doc, text));
  return kExitDone;
}

}  // namespace

void add_prune(CLI::App& app, Run& run) {
  auto options = std::make_shared<PruneVerbOptions>();
  auto* verb =
      app.add_subcommand("prune", "Cut a parent by a mask into a smaller GGUF, byte for byte");
  verb->add_option("-m,--model", options->model, "Parent GGUF")->required();
  verb->add_option("--mask", options->mask, "Mask (native or reference JSON)")->required();
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
