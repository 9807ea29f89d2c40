// coe report: what a run made, as one page.
#include "coe/college/report/report.h"

#include "coe/base/text.h"
#include "coe/cli/exit_code.h"
#include "coe/cli/options.h"
#include "coe/cli/render/next_step.h"
#include "coe/cli/render/report.h"
#include "coe/cli/verbs/verbs.h"
#include "coe/college/report/page.h"

#include <memory>

namespace coe::cli {

namespace {

struct ReportVerbOptions {
  ReportOptions report;
  Path output;
};

Result<int> report(ReportOptions options, const Path& output, Session& session) {
  COE_TRY(const auto lock, session.claim(output));
  options.command_line = session.command_line;
  COE_TRY(const auto document, make_report(options, session.library, session.console));
  const auto page = report_page(document);
  COE_TRY_STATUS(write_file(output, page, session.overwrite()));
  COE_TRY_STATUS(session.emit(
      report_json(document, output, page.size()),
      report_text(document, output, page.size()) + next_step("report", {.output = output})));
  return kExitDone;
}

}  // namespace

void add_report(CLI::App& app, Run& run) {
  auto options = std::make_shared<ReportVerbOptions>();
  auto& report_options = options->report;
  serve_defaults(report_options.engine);
  auto* verb = app.add_subcommand(
      "report", "Show what runs made, as one page: experts, swaps, what is kept and lost, sizes");
  verb->add_option("runs", report_options.inputs,
                   "Specialists (GGUF, mask, or folder of a package), profiles, folders of `coe "
                   "bench transfer`, documents of `coe mask --sweep --json`; several are compared")
      ->required();
  verb->add_option("-o,--output", options->output, "Page to write (HTML)")->required();
  add_model_option(*verb, "-m,--model", report_options.parent,
                   "Parent GGUF: its size and memory beside the specialist's");
  verb->add_option("-p,--profile", report_options.profiles,
                   "Profiles that masks were made of, where these do not lie beside them "
                   "(repeatable)")
      ->allow_extra_args(false);  // what follows is a run again
  verb->add_flag("!--no-memory", report_options.memory, "Do not predict memory");
  verb->callback([options, &run] {
    run = [options](Session& session) { return report(options->report, options->output, session); };
  });
}

}  // namespace coe::cli
