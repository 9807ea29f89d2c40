#include "coe/measure/webgen/trial.h"

#include "coe/base/json.h"
#include "coe/measure/browser/image.h"
#include "coe/measure/webgen/compile.h"
#include "coe/measure/webgen/extract.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <map>
#include <utility>

namespace coe {

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::array kWidths = {390, 768, 1280};
constexpr WindowSize kWindow{};
constexpr double kBlank = 0.00002;    // drawn share of a page that counts as one: a few letters
constexpr double kDifferent = 0.001;  // of the pixels of two screenshots
constexpr std::chrono::milliseconds kPoll{25};

// A text as JavaScript.
std::string quoted(const std::string& text) { return json_text(Json(text)); }

WebFault fault_of(PageFault fault) {
  switch (fault) {
    case PageFault::kCrashed:
      return WebFault::kCrashed;
    case PageFault::kMemory:
      return WebFault::kMemory;
    case PageFault::kDialogs:
      return WebFault::kDialogs;
    case PageFault::kGarbled:
      return WebFault::kScriptError;
    default:
      return WebFault::kHung;
  }
}

// Whether a page that had more time might not have this fault.
bool depends_on_time(WebFault kind) {
  constexpr std::array kTimeless = {WebFault::kScriptError,   WebFault::kMemory,
                                    WebFault::kDialogs,       WebFault::kContrast,
                                    WebFault::kAccessibility, WebFault::kNoAnswer};
  return std::ranges::find(kTimeless, kind) == kTimeless.end();
}

// Whether a machine that is slow, or short of memory, makes this fault of a good page though nobody
// counts what it lacks: a slow disk, first use of memory, a processor that is lent to other guests.
bool may_be_the_machine(WebFault kind) {
  return kind == WebFault::kHung || kind == WebFault::kCrashed || kind == WebFault::kLoad;
}

// One answer on one page. Every method returns what is wrong with the answer, if anything.
class Trial {
 public:
  using Verdict = std::optional<TrialFault>;

  Trial(const WebTask& task, Browser& browser, const std::string& axe, int patience,
        TrialResult& result)
      : task_(task), browser_(browser), axe_(axe), patience_(patience), result_(result) {}

  Verdict run(const std::string& html);

 private:
  // The value, or why the page gives none, as a fault of the step that runs.
  std::optional<Json> ask(const std::string& expression, Verdict& verdict);
  Verdict done(const Status& status);
  Verdict wrong(WebFault kind, std::string reason) const {
    return TrialFault{kind, std::move(reason), step_};
  }
  Verdict script_error() const;
  Verdict shoot(const std::string& name);
  Verdict load(const std::string& html);
  Verdict check_layout();
  Verdict check_axe();
  Verdict reach(const std::string& target, PagePoint& point);
  Verdict click(const std::string& target, int n_click);
  Verdict do_step(const WebStep& step);
  Verdict expect(const WebStep& step);
  Verdict compare(const WebStep& step);
  Verdict drag(const WebStep& step);
  Verdict said(const std::string& call);

  const WebTask& task_;
  Browser& browser_;
  const std::string& axe_;
  int patience_;
  TrialResult& result_;
  std::map<std::string, Image> shots_;
  int step_ = 0;
};

Trial::Verdict Trial::done(const Status& status) {
  if (status) return {};
  if (browser_.fault() != PageFault::kNone)
    return wrong(fault_of(browser_.fault()), status.error().message);
  return wrong(WebFault::kBehaviour, status.error().message);
}

std::optional<Json> Trial::ask(const std::string& expression, Verdict& verdict) {
  auto found = browser_.evaluate(expression);
  if (found) return *std::move(found);
  verdict = done(tl::unexpected(std::move(found).error()));
  return {};
}

Trial::Verdict Trial::script_error() const {
  if (browser_.script_errors().empty()) return {};
  return wrong(WebFault::kScriptError, browser_.script_errors().front());
}

Trial::Verdict Trial::shoot(const std::string& name) {
  auto png = browser_.screenshot();
  if (!png) return done(tl::unexpected(std::move(png).error()));
  auto image = decode_png(*png);
  if (!image) return done(tl::unexpected(std::move(image).error()));
  shots_[name] = *std::move(image);
  result_.pictures.push_back({name, *std::move(png)});
  return {};
}

Trial::Verdict Trial::load(const std::string& html) {
  if (auto status = browser_.open(html, kWindow); !status) {
    auto verdict = done(status);
    if (browser_.fault() == PageFault::kNone) verdict->kind = WebFault::kLoad;
    return verdict;
  }
  if (auto verdict = shoot("load")) return verdict;
  const auto drawn = drawn_share(shots_.at("load"));
  result_.pictures.pop_back();  // that at 1280 px shows the same
  if (drawn < kBlank) {
    if (auto verdict = script_error()) return verdict;
    return wrong(WebFault::kBlank, "nothing is drawn");
  }
  return script_error();
}

Trial::Verdict Trial::check_layout() {
  const Json elements = task_.elements;
  const Json apart = task_.apart;
  const auto call = fmt::format("coe.layout({}, {})", elements.dump(), apart.dump());
  for (const int width : kWidths) {
    if (auto verdict = done(browser_.resize({width, kWindow.height}))) return verdict;
    if (auto verdict = done(browser_.wait(std::chrono::milliseconds(60)))) return verdict;
    // A transition may be on its way: what stays wrong is wrong.
    const auto until = Clock::now() + patience_ * std::chrono::milliseconds(600);
    while (true) {
      Verdict verdict;
      const auto found = ask(call, verdict);
      if (!found) return verdict;
      if (found->is_null()) break;
      if (Clock::now() < until) {
        if (auto waited = done(browser_.wait(kPoll))) return waited;
        continue;
      }
      if (auto shot = shoot(std::to_string(width))) return shot;
      if (auto error = script_error()) return error;
      return wrong(*fault_from_name(found->at("kind").get<std::string>()),
                   found->at("reason").get<std::string>());
    }
    if (auto verdict = shoot(std::to_string(width))) return verdict;
  }
  return script_error();
}

Trial::Verdict Trial::check_axe() {
  Verdict verdict;
  if (!ask(axe_ + "\n;true", verdict)) return verdict;
  const auto contrast = ask("coe.axe(['color-contrast'])", verdict);
  if (!contrast) return verdict;
  if (const auto problem = contrast->get<std::string>(); !problem.empty())
    return wrong(WebFault::kContrast, problem);
  if (task_.category != "html") return {};
  const auto rules = ask("coe.axe()", verdict);
  if (!rules) return verdict;
  if (const auto problem = rules->get<std::string>(); !problem.empty())
    return wrong(WebFault::kAccessibility, problem);
  return {};
}

Trial::Verdict Trial::reach(const std::string& target, PagePoint& point) {
  Verdict verdict;
  const auto found = ask(fmt::format("coe.point({})", quoted(target)), verdict);
  if (!found) return verdict;
  if (found->contains("problem"))
    return wrong(WebFault::kBehaviour, found->at("problem").get<std::string>());
  point = {found->at("point").at("x").get<double>(), found->at("point").at("y").get<double>()};
  return {};
}

Trial::Verdict Trial::click(const std::string& target, int n_click) {
  PagePoint at;
  if (auto verdict = reach(target, at)) return verdict;
  if (auto verdict = done(browser_.move_mouse(at))) return verdict;
  for (int n = 1; n <= n_click; ++n) {
    if (auto verdict = done(browser_.press_mouse(at, n))) return verdict;
    if (auto verdict = done(browser_.release_mouse(at, n))) return verdict;
  }
  return {};
}

Trial::Verdict Trial::drag(const WebStep& step) {
  constexpr int kMove = 8;
  PagePoint from;
  PagePoint to;
  if (auto verdict = reach(step.other, to)) return verdict;
  if (auto verdict = reach(step.target, from)) return verdict;
  if (auto verdict = done(browser_.move_mouse(from))) return verdict;
  if (auto verdict = done(browser_.press_mouse(from))) return verdict;
  for (int i = 1; i <= kMove; ++i) {
    const double share = static_cast<double>(i) / kMove;
    const PagePoint at{from.x + (to.x - from.x) * share, from.y + (to.y - from.y) * share};
    if (auto verdict = done(browser_.move_mouse(at, true))) return verdict;
  }
  return done(browser_.release_mouse(to));
}

// Asks helpers that return what is wrong, or ''.
Trial::Verdict Trial::said(const std::string& call) {
  Verdict verdict;
  const auto found = ask(call, verdict);
  if (!found) return verdict;
  if (!found->is_string() || found->get_ref<const std::string&>().empty()) return {};
  return wrong(WebFault::kBehaviour, found->get<std::string>());
}

Trial::Verdict Trial::expect(const WebStep& step) {
  const bool stays = step.kind == StepKind::kStays;
  const auto until = Clock::now() + (stays ? 1 : patience_) * std::chrono::milliseconds(step.ms);
  const auto call = fmt::format("Boolean({})", step.what);
  while (true) {
    auto found = browser_.evaluate(call);
    if (!found && browser_.fault() != PageFault::kNone)
      return done(tl::unexpected(std::move(found).error()));
    // An expression that cannot be evaluated is not true: an element is missing.
    const bool holds = found && *found == true;
    if (stays && !holds) return wrong(WebFault::kBehaviour, step.why);
    if (!stays && holds) return {};
    if (Clock::now() >= until) break;
    if (auto verdict = done(browser_.wait(kPoll))) return verdict;
  }
  return stays ? Verdict{} : wrong(WebFault::kBehaviour, step.why);
}

Trial::Verdict Trial::compare(const WebStep& step) {
  const auto share = difference(shots_.at(step.what), shots_.at(step.other));
  const bool differ = share >= kDifferent;
  if (differ == (step.kind == StepKind::kDiffer)) return {};
  return wrong(WebFault::kPicture, step.why);
}

Trial::Verdict Trial::do_step(const WebStep& step) {
  PagePoint at;
  switch (step.kind) {
    case StepKind::kExpect:
    case StepKind::kStays:
      return expect(step);
    case StepKind::kClick:
      return click(step.target, 1);
    case StepKind::kDoubleClick:
      return click(step.target, 2);
    case StepKind::kHover:
      if (auto verdict = reach(step.target, at)) return verdict;
      return done(browser_.move_mouse(at));
    case StepKind::kType:
      if (auto verdict = click(step.target, 1)) return verdict;
      if (auto verdict = said("coe.selectAll()")) return verdict;
      if (step.what.empty()) return done(browser_.press_key("Delete"));
      return done(browser_.type(step.what));
    case StepKind::kSet:
      return said(fmt::format("coe.set({}, {})", quoted(step.target), quoted(step.what)));
    case StepKind::kSelect:
      return said(fmt::format("coe.select({}, {})", quoted(step.target), quoted(step.what)));
    case StepKind::kPress:
      return done(browser_.press_key(step.what));
    case StepKind::kDrag:
      return drag(step);
    case StepKind::kScroll:
      return said(fmt::format("coe.scroll({})", quoted(step.target)));
    case StepKind::kWait:
      return done(browser_.wait(std::chrono::milliseconds(step.ms)));
    case StepKind::kResize:
      if (auto verdict = done(browser_.resize({step.size.first, step.size.second}))) return verdict;
      return done(browser_.wait(std::chrono::milliseconds(60)));
    case StepKind::kReload:
      return done(browser_.reload());
    case StepKind::kShoot:
      return shoot(step.what);
    case StepKind::kDiffer:
    case StepKind::kSame:
      return compare(step);
  }
  return {};
}

Trial::Verdict Trial::run(const std::string& html) {
  if (auto verdict = load(html)) return verdict;
  if (auto verdict = check_layout()) return verdict;
  if (auto verdict = check_axe()) return verdict;
  if (auto verdict = done(browser_.open(html, kWindow))) return verdict;
  for (const auto& step : task_.steps) {
    ++step_;
    auto verdict = do_step(step);
    // What a script's error leads to is the error's fault.
    if (browser_.fault() == PageFault::kNone)
      if (auto error = script_error()) return error;
    if (verdict) return verdict;
  }
  return {};
}

}  // namespace

bool is_starved(const ProcessorTime& before, const ProcessorTime& after, int patience) {
  constexpr double kSeconds = 0.5;
  const double ran = after.ran - before.ran;
  const double waited = after.waited - before.waited;
  return waited > kSeconds && waited > patience * ran;
}

Tester::Tester(const WebSuite& suite, BrowserOptions options, std::string axe, int patience)
    : suite_(suite), options_(std::move(options)), axe_(std::move(axe)), patience_(patience) {
  options_.helpers = suite.helpers;
  options_.call_limit *= patience;
  options_.page_limit *= patience;
}

Result<TrialResult> Tester::run(const WebTask& task, const std::string& html) {
  if (!browser_) {
    COE_TRY(browser_, Browser::launch(options_));
  }
  TrialResult result;
  const auto start = Clock::now();
  const auto before = browser_->processor_time();
  result.fault = Trial(task, *browser_, axe_, patience_, result).run(html);
  const auto after = browser_->processor_time();
  result.starved = result.fault && depends_on_time(result.fault->kind) &&
                   ((patience_ == 1 && may_be_the_machine(result.fault->kind)) ||
                    is_starved(before, after, patience_));
  result.seconds = std::chrono::duration<double>(Clock::now() - start).count();
  result.blocked = browser_->blocked();
  result.peak_memory = browser_->peak_memory();
  if (browser_->fault() != PageFault::kNone) browser_.reset();
  return result;
}

Result<TrialResult> Tester::try_answer(const WebTask& task, const std::string& source) {
  COE_TRY(const auto compiled, compile_answer(suite_.folder, task.format, source, options_.sandbox,
                                              patience_ * kCompileLimit));
  if (compiled.error.empty()) return run(task, compiled.html);
  TrialResult result;
  result.starved = is_starved({}, compiled.spent, patience_);
  result.fault = TrialFault{WebFault::kBuild, compiled.error, 0};
  return result;
}

Result<TrialResult> Tester::try_reply(const WebTask& task, const std::string& reply) {
  auto source = extract_answer(reply, task.format);
  if (source) return try_answer(task, *source);
  TrialResult result;
  result.fault = TrialFault{WebFault::kNoAnswer, source.error().message, 0};
  return result;
}

Result<std::string> axe_source(const Path& suite_folder) {
  const auto toolchain = suite_folder / "toolchain";
  auto text = read_text(toolchain / "node_modules/axe-core/axe.min.js");
  if (text) return text;
  return fail(Code::kEngine, fmt::format("{}: its packages are not installed", toolchain.string()),
              fmt::format("run scripts/setup.sh web, or npm ci --prefix {}", toolchain.string()));
}

}  // namespace coe
