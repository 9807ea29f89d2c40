#include "coe/cli/render/topics.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace coe::cli {

namespace {

constexpr auto kTopics = std::to_array<Topic>({
    {"topics", "Topics",
     "exit-codes    what the exit status of a verb means\n"
     "files         the files that verbs leave and take\n"
     "environment   variables that coe reads\n"
     "interrupt     what Ctrl-C, a kill and a full disk do\n"
     "json          what programs read\n"},
    {"exit-codes", "Exit codes",
     "  0   done\n"
     "  1   a check failed (a proof, a leak, answers), or a write did\n"
     "  2   usage: an argument is wrong, or an output is in the way\n"
     "  3   an input file is missing, damaged, or of another kind\n"
     "  4   the engine, a server or a browser is missing or failed\n"
     " 70   a bug of coe: please report it\n"
     "130   interrupted; long work goes on when the same command runs again\n"},
    {"files", "Files",
     "NAME.profile.gguf   which experts the routers chose on a text (coe profile)\n"
     "NAME.recon.gguf     what removing an expert does (coe recon)\n"
     "NAME.mask.json      which experts stay, and why (coe mask)\n"
     "NAME.gguf           the specialist (coe prune); llama.cpp, Ollama and LM Studio load it\n"
     "NAME.heal.json      what healing gave each layer (coe heal)\n"
     "NAME.eval.json      what it keeps and loses on held-out text (coe specialize)\n"
     "NAME.chat.json      eight questions and its answers (coe specialize)\n"
     "NAME.report.html    all of this as one page (coe report)\n"
     "rows.jsonl          measurements, one a line (coe eval, coe bench)\n"
     "\n"
     "Outputs appear under their names only when they are complete. The formats are described in\n"
     "docs/formats.\n"},
    {"environment", "Environment variables",
     "COE_NO_PROGRESS        no progress bar on a terminal\n"
     "NO_COLOR, CLICOLOR=0   messages without colours; CLICOLOR_FORCE=1: with them anywhere "
     "(--color)\n"
     "LC_ALL, LC_CTYPE, LANG a terminal that is not UTF-8 is shown ASCII\n"
     "COE_CACHE              the folder of the engine's source and builds, when coe is built\n"
     "CUDA_VISIBLE_DEVICES   the GPUs that the engine sees\n"
     "TMPDIR                 where pages are tried in a browser\n"},
    {"interrupt", "Interrupts",
     "Ctrl-C stops in order: states are kept, temporary files go. A second Ctrl-C stops at once. "
     "After\n"
     "either, and after a kill, the same command goes on where the work was, and ends with the "
     "bytes of\n"
     "a run that was never stopped. A full disk is an error that says how much room is missing; "
     "nothing\n"
     "that is half-written keeps a name.\n"},
    {"json", "JSON",
     "Every verb takes --json and then prints one document on standard output, with `schema` and\n"
     "`version`; progress and warnings stay on standard error. An error is a document, too:\n"
     "`error` with `code`, `message`, `hint` and `exit_code`. Within a schema's number keys are "
     "added,\n"
     "never renamed.\n"},
});

}  // namespace

std::span<const Topic> topics() { return kTopics; }

std::string topic_page(const Topic& topic) {
  return fmt::format("# {}\n\n```\n{}```\n", topic.title, topic.text);
}

const Topic* find_topic(std::string_view name) {
  const auto* const found = std::ranges::find(kTopics, name, &Topic::name);
  return found == kTopics.end() ? nullptr : found;
}

}  // namespace coe::cli
