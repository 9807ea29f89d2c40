#include "coe/webgen/gallery.h"

#include <fmt/format.h>

#include <algorithm>

namespace coe {

namespace {

constexpr std::string_view kStyle = R"css(
:root { color-scheme: light dark; --bg: #f6f5f2; --card: #fff; --ink: #1d1f23; --soft: #5c6068;
  --line: #dedbd4; --pass: #1c6b3c; --fail: #a3261d; --pass-bg: #dff1e5; --fail-bg: #fbe3e0; }
@media (prefers-color-scheme: dark) { :root { --bg: #16181c; --card: #20232a; --ink: #eceae5;
  --soft: #a9adb6; --line: #363a43; --pass: #86d8a4; --fail: #ff9d92; --pass-bg: #173522;
  --fail-bg: #43201d; } }
* { box-sizing: border-box; }
body { margin: 0; font: 16px/1.5 system-ui, sans-serif; background: var(--bg); color: var(--ink); }
main, header { max-width: 76rem; margin: 0 auto; padding: 1.5rem 1rem; }
h1 { font-size: 1.6rem; margin: 0 0 .25rem; overflow-wrap: anywhere; }
h2 { margin: 2.5rem 0 1rem; font-size: 1.2rem; }
h3 { margin: 0; font-size: 1rem; }
.total { font-size: 2.6rem; font-weight: 700; line-height: 1.1; }
.soft { color: var(--soft); }
table { border-collapse: collapse; width: 100%; max-width: 34rem; margin-top: 1rem; }
th, td { text-align: left; padding: .4rem .6rem; border-bottom: 1px solid var(--line); }
th.number, .number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.bar { height: .6rem; background: var(--line); border-radius: .3rem; overflow: hidden; min-width: 5rem; }
.bar span { display: block; height: 100%; background: var(--pass); }
.cards { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 22rem), 1fr)); gap: 1rem; }
article { background: var(--card); border: 1px solid var(--line); border-radius: .75rem; padding: 1rem;
  min-width: 0; }
article > header { padding: 0; display: flex; gap: .5rem; justify-content: space-between; align-items: start; }
.badge { border-radius: 1rem; padding: .1rem .7rem; font-size: .85rem; font-weight: 600; white-space: nowrap; }
.passed { color: var(--pass); background: var(--pass-bg); }
.failed { color: var(--fail); background: var(--fail-bg); }
.reason { margin: .5rem 0; overflow-wrap: anywhere; }
.shots { display: flex; gap: .5rem; overflow-x: auto; padding-bottom: .5rem; }
figure { margin: 0; flex: none; }
figure img { height: 9rem; width: auto; max-width: 15rem; object-fit: cover; object-position: top left;
  border: 1px solid var(--line); border-radius: .4rem; display: block; background: #fff; }
figcaption { font-size: .8rem; color: var(--soft); }
details { margin-top: .5rem; }
summary { cursor: pointer; }
pre { overflow: auto; max-height: 24rem; padding: .75rem; background: var(--bg); border-radius: .5rem;
  font-size: .8rem; white-space: pre-wrap; overflow-wrap: anywhere; }
a { color: inherit; }
li { overflow-wrap: anywhere; }
a:focus-visible, summary:focus-visible { outline: 3px solid #4c7df0; outline-offset: 2px; }
)css";

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string category_row(std::string_view title, const WebCount& count) {
  const double share =
      count.n == 0 ? 0.0
                   : 100.0 * static_cast<double>(count.n_passed) / static_cast<double>(count.n);
  return fmt::format(
      "<tr><th scope=\"row\">{}</th><td class=\"number\">{}/{}</td><td class=\"number\">{:.0f} "
      "%</td>"
      "<td><div class=\"bar\"><span style=\"width:{:.1f}%\"></span></div></td></tr>\n",
      title, count.n_passed, count.n, share, share);
}

// Of a file name TASK-NAME-SHOT.png, the last part.
std::string shot_name(std::string_view file, const WebTask& task, const WebOutcome& outcome) {
  const auto skipped = task.id.size() + outcome.name.size() + 2;
  auto name = file.substr(std::min(skipped, file.size()));
  if (name.ends_with(".png")) name.remove_suffix(4);
  const bool is_width =
      !name.empty() && name.find_first_not_of("0123456789") == std::string_view::npos;
  return is_width ? fmt::format("{} px", name) : std::string(name);
}

std::string card(const WebTask& task, const WebAttempt& attempt, const WebOutcome& outcome,
                 std::string_view pictures) {
  std::string out = fmt::format(
      "<article id=\"{}-{}\">\n<header><h3>{}</h3><span class=\"badge {}\">{}</span></header>\n"
      "<p class=\"soft reason\">{} · answer {} · {:.1f} s</p>\n",
      task.id, escaped(outcome.name), escaped(task.title), outcome.passed() ? "passed" : "failed",
      outcome.passed() ? "passed" : fault_name(outcome.fault->kind), task.id, escaped(outcome.name),
      outcome.seconds);
  if (outcome.fault) {
    const auto step = outcome.fault->step > 0 ? fmt::format(" (step {})", outcome.fault->step) : "";
    out += fmt::format("<p class=\"reason\">{}{}</p>\n", escaped(outcome.fault->reason), step);
  }
  if (!outcome.pictures.empty()) {
    out += fmt::format(
        "<div class=\"shots\" role=\"group\" aria-label=\"Screenshots of {}\" tabindex=\"0\">\n",
        escaped(task.title));
    for (const auto& file : outcome.pictures) {
      const auto name = escaped(shot_name(file, task, outcome));
      const auto path = escaped(fmt::format("{}/{}", pictures, file));
      out += fmt::format(
          "<figure><a href=\"{}\"><img loading=\"lazy\" src=\"{}\" alt=\"{}, {}\"></a>"
          "<figcaption>{}</figcaption></figure>\n",
          path, path, escaped(task.title), name, name);
    }
    out += "</div>\n";
  }
  for (const auto& address : outcome.blocked)
    out += fmt::format("<p class=\"soft reason\">not loaded: {}</p>\n",
                       escaped(address.substr(0, 200)));
  out += fmt::format("<details><summary>Prompt</summary><pre>{}</pre></details>\n",
                     escaped(task.prompt));
  constexpr std::size_t kMost = 40'000;
  out +=
      fmt::format("<details><summary>Answer</summary><pre>{}{}</pre></details>\n</article>\n",
                  escaped(attempt.text.substr(0, kMost)), attempt.text.size() > kMost ? "…" : "");
  return out;
}

// Links to what failed, with the reasons.
std::string failed_list(const WebSuite& suite, std::span<const WebOutcome> outcomes) {
  std::string items;
  for (const auto& outcome : outcomes)
    if (!outcome.passed())
      items += fmt::format("<li><a href=\"#{0}-{1}\">{0} {1}</a>: {2}</li>\n",
                           suite.tasks[outcome.task].id, escaped(outcome.name),
                           escaped(outcome.fault->reason));
  if (items.empty()) return {};
  return fmt::format("<details open><summary>What failed</summary>\n<ul>\n{}</ul></details>\n",
                     items);
}

}  // namespace

std::string_view category_title(std::string_view category) {
  constexpr std::array<std::string_view, 6> kTitles = {"CSS", "React", "Svelte",
                                                       "Vue", "HTML",  "JavaScript execution"};
  const auto at = std::ranges::find(kWebCategories, category);
  return at == kWebCategories.end()
             ? category
             : kTitles[static_cast<std::size_t>(at - kWebCategories.begin())];
}

WebCount count_web(const WebSuite& suite, std::span<const WebOutcome> outcomes,
                   std::string_view category) {
  WebCount count;
  for (const auto& outcome : outcomes) {
    if (!category.empty() && suite.tasks[outcome.task].category != category) continue;
    ++count.n;
    if (outcome.passed()) ++count.n_passed;
  }
  return count;
}

std::string web_gallery(const WebSuite& suite, const WebGallery& gallery) {
  const auto total = count_web(suite, gallery.outcomes, "");
  std::string out = fmt::format(
      "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<title>Web suite: {0}</title>\n<style>{1}</style>\n</head>\n<body>\n<header>\n"
      "<h1>Web suite: {0}</h1>\n<p class=\"total\">{2}/{3}</p>\n"
      "<p class=\"soft\">answers that pass every check in a real browser</p>\n"
      "<table>\n<thead><tr><th scope=\"col\">Category</th><th scope=\"col\" class=\"number\">Passed"
      "</th><th scope=\"col\" class=\"number\">Share</th><th scope=\"col\">Of all</th></tr></thead>"
      "\n<tbody>\n",
      escaped(gallery.title), kStyle, total.n_passed, total.n);
  for (const auto category : kWebCategories)
    if (const auto count = count_web(suite, gallery.outcomes, category); count.n > 0)
      out += category_row(category_title(category), count);
  out += "</tbody>\n</table>\n" + failed_list(suite, gallery.outcomes) + "</header>\n<main>\n";
  for (const auto category : kWebCategories) {
    std::string cards;
    for (std::size_t i = 0; i < gallery.outcomes.size(); ++i) {
      const auto& outcome = gallery.outcomes[i];
      if (suite.tasks[outcome.task].category == category)
        cards += card(suite.tasks[outcome.task], gallery.attempts[i], outcome, gallery.pictures);
    }
    if (cards.empty()) continue;
    out += fmt::format("<section>\n<h2>{}</h2>\n<div class=\"cards\">\n{}</div>\n</section>\n",
                       category_title(category), cards);
  }
  return out + "</main>\n</body>\n</html>\n";
}

}  // namespace coe
