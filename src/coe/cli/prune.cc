// coe prune: cut a parent by a mask.
#include "coe/base/text.h"
#include "coe/cli/exit_code.h"
#include "coe/cli/session.h"
#include "coe/mask/keep_mask.h"
#include "coe/surgery/apply.h"
#include "coe/surgery/plan.h"

#include <chrono>

namespace coe::cli {

namespace {

struct Options {
  Path model;
  Path mask;
  Path output;
  bool dry_run = false;
  bool no_provenance = false;
};

Result<int> prune(const Options& options, Session& session) {
  if (!options.dry_run) {
    if (options.output.empty())
      return fail(Code::kInvalidArgument, "-o: no output given",
                  "add -o CHILD.gguf, or --dry-run to see the plan");
    COE_TRY_STATUS(check_output(options.output, session.overwrite()));
  }
  COE_TRY(const auto mask_text, read_text(options.mask));
  COE_TRY(const auto mask, parse_mask(mask_text, options.mask.string()));
  COE_TRY(const auto model, open_model(options.model, session));
  SurgeryOptions surgery;
  surgery.provenance = !options.no_provenance;
  surgery.mask_name = options.mask.string();
  COE_TRY(const auto plan, plan_surgery(model.file, model.moe, mask, surgery));
  for (const auto& warning : plan.warnings) session.console.warning(warning);

  const auto start = std::chrono::steady_clock::now();
  if (!options.dry_run)
    COE_TRY_STATUS(
        apply_plan(model.file, plan, options.output, session.overwrite(), session.console));
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();

  const auto bytes_parent = model.file.header().file_bytes;
  const auto bytes_child = plan.header.file_bytes;
  auto doc = document("prune");
  doc["parent"] = options.model.string();
  doc["child"] = options.output.string();
  doc["n_keep"] = mask.n_keep();
  doc["n_expert"] = model.moe.n_expert;
  doc["bytes_parent"] = bytes_parent;
  doc["bytes_child"] = bytes_child;
  doc["n_tensor"] = plan.tensors.size();
  doc["n_tensor_cut"] = plan.n_tensor_cut;
  doc["dry_run"] = options.dry_run;
  doc["wall_s"] = seconds;
  doc["warnings"] = plan.warnings;
  std::string text;
  if (options.dry_run) {
    doc["tensors"] = Json::array();
    std::vector<std::vector<std::string>> rows = {{"tensor", "type", "shape", "bytes", "ranges"}};
    for (std::size_t i = 0; i < plan.tensors.size(); ++i) {
      const auto& tensor = plan.header.tensors[i];
      const auto& planned = plan.tensors[i];
      Json ranges = Json::array();
      for (const auto& range : planned.ranges) ranges.push_back({range.offset, range.n_bytes});
      doc["tensors"].push_back(
          {{"name", tensor.name}, {"cut", planned.cut}, {"ranges", std::move(ranges)}});
      if (planned.cut)
        rows.push_back({tensor.name, std::string(gguf::traits(tensor.type).name),
                        gguf::shape_text(tensor), fmt::format("{}", tensor.n_bytes),
                        fmt::format("{}", planned.ranges.size())});
    }
    text = format_table(rows) + fmt::format("would cut {} of {} tensors: {} to {}\n",
                                            plan.n_tensor_cut, plan.tensors.size(),
                                            human_bytes(bytes_parent), human_bytes(bytes_child));
  } else {
    text = fmt::format(
        "{}: {} of {} experts a layer, {} → {} ({:.0f} %), {} tensors cut in {:.2f} s\n",
        options.output.string(), mask.n_keep(), model.moe.n_expert, human_bytes(bytes_parent),
        human_bytes(bytes_child),
        100.0 * static_cast<double>(bytes_child) / static_cast<double>(bytes_parent),
        plan.n_tensor_cut, seconds);
  }
  COE_TRY_STATUS(session.emit(doc, text));
  return kExitDone;
}

}  // namespace

void add_prune(CLI::App& app, Run& run) {
  auto options = std::make_shared<Options>();
  auto* verb =
      app.add_subcommand("prune", "Cut a parent by a mask into a smaller GGUF, byte for byte");
  verb->add_option("-m,--model", options->model, "Parent GGUF")->required();
  verb->add_option("--mask", options->mask, "Mask (native or reference JSON)")->required();
  verb->add_option("-o,--output", options->output, "Child GGUF to write");
  verb->add_flag("--dry-run", options->dry_run, "Print the plan, write nothing");
  verb->add_flag("--no-provenance", options->no_provenance,
                 "Leave out the coe.* keys (parent digest, mask, tool version)");
  verb->callback(
      [options, &run] { run = [options](Session& session) { return prune(*options, session); }; });
}

}  // namespace coe::cli
