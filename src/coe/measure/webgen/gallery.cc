#include "coe/measure/webgen/gallery.h"

#include "coe/base/json.h"
#include "coe/measure/webgen/gallery_page.h"
#include "coe/measure/webgen/template.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstddef>

namespace coe {

namespace {

using Json = nlohmann::json;

// The last part of a file name TASK-NAME-SHOT.png.
std::string shot_name(std::string_view file, const WebTask& task, const WebOutcome& outcome) {
  const auto skipped = task.id.size() + outcome.name.size() + 2;
  auto name = file.substr(std::min(skipped, file.size()));
  if (name.ends_with(".png")) name.remove_suffix(4);
  const bool is_width =
      !name.empty() && name.find_first_not_of("0123456789") == std::string_view::npos;
  return is_width ? fmt::format("{} px", name) : std::string(name);
}

Json shots_json(const WebTask& task, const WebOutcome& outcome, std::string_view pictures) {
  if (outcome.pictures.empty()) return nullptr;
  auto files = Json::array();
  for (const auto& file : outcome.pictures)
    files.push_back(
        {{"path", fmt::format("{}/{}", pictures, file)}, {"name", shot_name(file, task, outcome)}});
  return {{"files", std::move(files)}};
}

Json card_json(const WebTask& task, const WebAttempt& attempt, const WebOutcome& outcome,
               std::string_view pictures) {
  constexpr std::size_t kMostText = 40'000;
  constexpr std::size_t kMostAddress = 200;
  const std::string_view verdict = outcome.passed() ? "passed" : "failed";
  Json card = {
      {"task", task.id},
      {"answer", outcome.name},
      {"title", task.title},
      {"verdict", verdict},
      {"badge", outcome.passed() ? verdict : fault_name(outcome.fault->kind)},
      {"seconds", fmt::format("{:.1f}", outcome.seconds)},
      {"reason", nullptr},
      {"shots", shots_json(task, outcome, pictures)},
      {"blocked", Json::array()},
      {"prompt", task.prompt},
      {"text", attempt.text.substr(0, kMostText) + (attempt.text.size() > kMostText ? "…" : "")}};
  if (outcome.fault)
    card["reason"] =
        outcome.fault->reason +
        (outcome.fault->step > 0 ? fmt::format(" (step {})", outcome.fault->step) : "");
  for (const auto& address : outcome.blocked)
    card["blocked"].push_back(address.substr(0, kMostAddress));
  return card;
}

bool is_right(const WebGallery& gallery, std::size_t i) {
  return gallery.as_expected.empty() ? gallery.outcomes[i].passed() : gallery.as_expected[i];
}

// Counts the outcomes of a category ("": all), and of these the ones for which `is_good(i)`.
template <class IsGood>
WebCount count_good(const WebSuite& suite, std::span<const WebOutcome> outcomes,
                    std::string_view category, IsGood is_good) {
  WebCount count;
  for (std::size_t i = 0; i < outcomes.size(); ++i) {
    if (!category.empty() && suite.tasks[outcomes[i].task].category != category) continue;
    ++count.n;
    if (is_good(i)) ++count.n_passed;
  }
  return count;
}

WebCount count_right(const WebSuite& suite, const WebGallery& gallery, std::string_view category) {
  return count_good(suite, gallery.outcomes, category,
                    [&](std::size_t i) { return is_right(gallery, i); });
}

Json category_json(const WebSuite& suite, const WebGallery& gallery, std::string_view category) {
  const auto count = count_right(suite, gallery, category);
  const double percent = 100.0 * static_cast<double>(count.n_passed) / static_cast<double>(count.n);
  Json out = {{"title", category_title(category)},
              {"n_passed", count.n_passed},
              {"n", count.n},
              {"percent", fmt::format("{:.0f}", percent)},
              {"width", fmt::format("{:.1f}", percent)},
              {"cards", Json::array()}};
  for (std::size_t i = 0; i < gallery.outcomes.size(); ++i) {
    const auto& outcome = gallery.outcomes[i];
    const auto& task = suite.tasks[outcome.task];
    if (task.category == category)
      out["cards"].push_back(card_json(task, gallery.attempts[i], outcome, gallery.pictures));
  }
  return out;
}

// Null where all is right.
Json failures_json(const WebSuite& suite, const WebGallery& gallery) {
  auto items = Json::array();
  for (std::size_t i = 0; i < gallery.outcomes.size(); ++i) {
    const auto& outcome = gallery.outcomes[i];
    if (is_right(gallery, i)) continue;
    items.push_back({{"task", suite.tasks[outcome.task].id},
                     {"answer", outcome.name},
                     {"reason", outcome.passed() ? "passes" : outcome.fault->reason}});
  }
  return items.empty() ? Json() : Json{{"items", std::move(items)}};
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
  return count_good(suite, outcomes, category, [&](std::size_t i) { return outcomes[i].passed(); });
}

std::string web_gallery(const WebSuite& suite, const WebGallery& gallery) {
  const auto total = count_right(suite, gallery, "");
  const bool is_check = !gallery.as_expected.empty();
  Json data = {
      {"title", gallery.title},
      {"n_passed", total.n_passed},
      {"n", total.n},
      {"claim", is_check ? "as they should be: references pass, and wrong answers fail by the "
                           "kind and for the reason that they state"
                         : "answers that pass every check in a real browser"},
      {"column", is_check ? "As it should" : "Passed"},
      {"failures_title", is_check ? "What is not as it should be" : "What failed"},
      {"failures", failures_json(suite, gallery)},
      {"categories", Json::array()}};
  for (const auto category : kWebCategories)
    if (count_web(suite, gallery.outcomes, category).n > 0)
      data["categories"].push_back(category_json(suite, gallery, category));
  return filled_template(gallery_page(), data);
}

}  // namespace coe
