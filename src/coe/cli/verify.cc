// coe verify: prove a child from the files alone.
#include "coe/verify/verify.h"

#include "coe/base/text.h"
#include "coe/cli/exit_code.h"
#include "coe/cli/session.h"

#include <chrono>

namespace coe::cli {

namespace {

struct Options {
  Path parent;
  Path child;
  Path mask;
};

Result<int> verify(const Options& options, Session& session) {
  std::optional<KeepMask> mask;
  if (!options.mask.empty()) {
    COE_TRY(const auto text, read_text(options.mask));
    COE_TRY(mask, parse_mask(text, options.mask.string()));
  }
  const auto start = std::chrono::steady_clock::now();
  COE_TRY(const auto report,
          verify_child(options.parent, options.child, mask, dequantizer(), session.console));
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();

  auto doc = document("verify");
  doc["parent"] = options.parent.string();
  doc["child"] = options.child.string();
  doc["ok"] = report.ok();
  doc["n_keep"] = report.n_keep;
  doc["n_tensor"] = report.n_tensor;
  doc["n_tensor_cut"] = report.n_tensor_cut;
  doc["n_expert_checked"] = report.n_expert_checked;
  doc["n_bytes_compared"] = report.n_bytes_compared;
  doc["mask_recovered"] = report.mask_recovered;
  doc["mode"] = report.zeroed ? "zero" : "slice";
  doc["mtp_dropped"] = report.mtp_dropped;
  doc["wall_s"] = seconds;
  doc["norms"] = Json::object();
  for (const auto& norm : report.norms) doc["norms"][norm.tensor] = norm.l2;
  doc["bad"] = Json::array();
  std::string text;
  for (const auto& finding : report.bad) {
    doc["bad"].push_back({{"where", finding.where}, {"message", finding.message}});
    text += fmt::format("  {}: {}\n", finding.where, finding.message);
  }
  if (report.ok())
    text = fmt::format("{}: ok, {} experts and {} tensors equal their source byte for byte ({})\n",
                       options.child.string(), report.n_expert_checked,
                       report.n_tensor - report.n_tensor_cut, human_bytes(report.n_bytes_compared));
  else
    text = fmt::format("{}: NOT a cut of {}, {} findings:\n", options.child.string(),
                       options.parent.string(), report.bad.size()) +
           text;
  COE_TRY_STATUS(session.emit(doc, text));
  return report.ok() ? kExitDone : kExitCheckFailed;
}

}  // namespace

void add_verify(CLI::App& app, Run& run) {
  auto options = std::make_shared<Options>();
  auto* verb =
      app.add_subcommand("verify", "Prove that a child is its parent cut by a mask; exit 1 if not");
  verb->add_option("parent", options->parent, "Parent GGUF")->required();
  verb->add_option("child", options->child, "Child GGUF")->required();
  verb->add_option("--mask", options->mask, "Mask to hold it to (default: the one in the child)");
  verb->callback(
      [options, &run] { run = [options](Session& session) { return verify(*options, session); }; });
}

}  // namespace coe::cli
