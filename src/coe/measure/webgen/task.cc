#include "coe/measure/webgen/task.h"

#include "coe/base/hash.h"
#include "coe/base/json.h"
#include "coe/base/printable.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <set>

namespace coe {

namespace {

using Json = nlohmann::json;

constexpr std::array<std::string_view, 4> kFormats = {"html", "jsx", "vue", "svelte"};
constexpr std::array<std::string_view, 16> kFaults = {
    "no-answer", "build",   "load",     "blank",         "script-error", "overflow",
    "invisible", "overlap", "contrast", "accessibility", "behaviour",    "picture",
    "hung",      "crashed", "memory",   "dialogs"};

constexpr int kWithin = 1000;
constexpr int kMaxWait = 5000;
constexpr int kMaxLength = 8192;

// This table has the steps that there are: the key that names one, and the others that it must or
// may have.
struct StepShape {
  std::string_view key;
  StepKind kind;
  std::string_view target;  // key of the target; empty: none, `key` itself: its value is it
};
constexpr std::array<StepShape, 17> kSteps = {
    {{"expect", StepKind::kExpect, ""},
     {"stays", StepKind::kStays, ""},
     {"click", StepKind::kClick, "click"},
     {"doubleclick", StepKind::kDoubleClick, "doubleclick"},
     {"hover", StepKind::kHover, "hover"},
     {"type", StepKind::kType, "into"},
     {"set", StepKind::kSet, "on"},
     {"select", StepKind::kSelect, "on"},
     {"press", StepKind::kPress, ""},
     {"drag", StepKind::kDrag, "drag"},
     {"scroll", StepKind::kScroll, "scroll"},
     {"wait", StepKind::kWait, ""},
     {"resize", StepKind::kResize, ""},
     {"reload", StepKind::kReload, ""},
     {"shoot", StepKind::kShoot, ""},
     {"differ", StepKind::kDiffer, ""},
     {"same", StepKind::kSame, ""}}};

std::string string_at(const Json& json, std::string_view key) {
  const auto found = json.find(key);
  return found != json.end() && found->is_string() ? found->get<std::string>() : std::string();
}

Result<std::string> text_of(const Json& json, std::string_view key, const std::string& where) {
  auto text = string_at(json, key);
  if (text.empty()) return fail(Code::kCorrupt, fmt::format("{}: `{}` must be text", where, key));
  return text;
}

Result<std::vector<std::string>> texts_of(const Json& json, const std::string& where) {
  std::vector<std::string> out;
  if (json.is_array())
    for (const auto& item : json)
      if (item.is_string()) out.push_back(item.get<std::string>());
  if (!json.is_array() || out.size() != json.size())
    return fail(Code::kCorrupt, fmt::format("{} must be an array of texts", where));
  return out;
}

Result<int> milliseconds(const Json& step, std::string_view key, int otherwise,
                         const std::string& where) {
  const auto found = step.find(key);
  if (found == step.end()) return otherwise;
  if (!found->is_number_integer() || *found < 0 || *found > kMaxWait)
    return fail(Code::kCorrupt,
                fmt::format("{}: `{}` must be milliseconds, up to {}", where, key, kMaxWait));
  return found->get<int>();
}

bool is_length(const Json& pixels) {
  return pixels.is_number_unsigned() && pixels > 0 && pixels <= kMaxLength;
}

Status check_keys(const Json& step, const StepShape& shape, const std::string& where) {
  std::set<std::string_view> known = {shape.key, "why"};
  if (!shape.target.empty()) known.insert(shape.target);
  if (shape.kind == StepKind::kExpect) known.insert("within");
  if (shape.kind == StepKind::kStays) known.insert("for");
  if (shape.kind == StepKind::kDrag) known.insert("to");
  for (const auto& item : step.items())
    if (!known.contains(item.key()))
      return fail(Code::kCorrupt, fmt::format("{}: `{}` is no key of `{}`", where,
                                              printable(item.key()), shape.key));
  return {};
}

Status read_size(const Json& main, const std::string& where, WebStep& out) {
  if (!main.is_array() || main.size() != 2 || !is_length(main[0]) || !is_length(main[1]))
    return fail(Code::kCorrupt, fmt::format("{}: `resize` must be [width, height], pixels up to {}",
                                            where, kMaxLength));
  out.size = {main[0].get<int>(), main[1].get<int>()};
  return {};
}

Status read_shots(const Json& main, std::string_view key, const std::string& where, WebStep& out) {
  COE_TRY(const auto names, texts_of(main, fmt::format("{}: `{}`", where, key)));
  if (names.size() != 2)
    return fail(Code::kCorrupt, fmt::format("{}: `{}` must name two screenshots", where, key));
  out.what = names[0];
  out.other = names[1];
  return {};
}

Result<WebStep> parse_step(const Json& step, const std::string& where) {
  const auto shape = std::ranges::find_if(
      kSteps, [&](const auto& s) { return step.is_object() && step.contains(s.key); });
  if (shape == kSteps.end())
    return fail(Code::kCorrupt, fmt::format("{}: says nothing to do or expect", where));
  COE_TRY_STATUS(check_keys(step, *shape, where));
  WebStep out;
  out.kind = shape->kind;
  const Json& main = step.at(std::string(shape->key));
  if (!shape->target.empty()) {
    COE_TRY(out.target, text_of(step, shape->target, where));
  }
  out.why = string_at(step, "why");
  switch (out.kind) {
    case StepKind::kExpect:
    case StepKind::kStays: {
      COE_TRY(out.what, text_of(step, shape->key, where));
      COE_TRY(out.ms, out.kind == StepKind::kExpect ? milliseconds(step, "within", kWithin, where)
                                                    : milliseconds(step, "for", 0, where));
      break;
    }
    case StepKind::kType:
    case StepKind::kSet:
    case StepKind::kSelect:
    case StepKind::kPress:
    case StepKind::kShoot:
      if (!main.is_string())
        return fail(Code::kCorrupt, fmt::format("{}: `{}` must be text", where, shape->key));
      out.what = main.get<std::string>();
      break;
    case StepKind::kDrag: {
      COE_TRY(out.other, text_of(step, "to", where));
      break;
    }
    case StepKind::kWait: {
      COE_TRY(out.ms, milliseconds(step, "wait", 0, where));
      break;
    }
    case StepKind::kResize:
      COE_TRY_STATUS(read_size(main, where, out));
      break;
    case StepKind::kDiffer:
    case StepKind::kSame:
      COE_TRY_STATUS(read_shots(main, shape->key, where, out));
      break;
    default:
      break;
  }
  const bool judges = out.kind == StepKind::kExpect || out.kind == StepKind::kStays ||
                      out.kind == StepKind::kDiffer || out.kind == StepKind::kSame;
  if (judges && out.why.empty())
    return fail(Code::kCorrupt, fmt::format("{}: `why` says what it means when it fails", where));
  return out;
}

Status check_shots(const std::vector<WebStep>& steps, const std::string& where) {
  std::set<std::string> shots;
  for (std::size_t i = 0; i < steps.size(); ++i) {
    const auto& step = steps[i];
    if (step.kind == StepKind::kShoot) shots.insert(step.what);
    if (step.kind != StepKind::kDiffer && step.kind != StepKind::kSame) continue;
    for (const auto& name : {step.what, step.other})
      if (!shots.contains(name))
        return fail(Code::kCorrupt, fmt::format("{}: step {}: no screenshot `{}` was taken", where,
                                                i + 1, printable(name)));
  }
  return {};
}

Result<Json> read_json(std::string_view text, const std::string& where) {
  auto json = parse_json<Json>(text);
  if (json.is_discarded()) return fail(Code::kCorrupt, where + ": is no JSON");
  return json;
}

Result<std::string> mutated(const std::string& reference, const Json& mutant,
                            const std::string& where) {
  if (const auto answer = mutant.find("answer"); answer != mutant.end() && answer->is_string())
    return answer->get<std::string>();
  const auto changes = mutant.find("replace");
  if (changes == mutant.end() || !changes->is_array() || changes->empty())
    return fail(Code::kCorrupt, where + ": neither `replace` nor `answer`");
  std::string out = reference;
  for (const auto& change : *changes) {
    COE_TRY(const auto pair, texts_of(change, where + ": each of `replace`"));
    if (pair.size() != 2)
      return fail(Code::kCorrupt, where + ": each of `replace` must be [from, to]");
    const auto at = reference.find(pair[0]);
    if (at == std::string::npos || reference.find(pair[0], at + 1) != std::string::npos)
      return fail(Code::kCorrupt, fmt::format("{}: `{}` does not occur once in the reference",
                                              where, printable(pair[0])));
    const auto now = out.find(pair[0]);
    if (now == std::string::npos)
      return fail(Code::kCorrupt, fmt::format("{}: `{}` is gone by an earlier replacement", where,
                                              printable(pair[0])));
    out.replace(now, pair[0].size(), pair[1]);
  }
  return out;
}

Result<WebTask> load_task(const Path& folder, std::string& all_text) {
  const auto read = [&](const Path& name) -> Result<std::string> {
    COE_TRY(auto text, read_text(folder / name));
    all_text += text;
    return text;
  };
  COE_TRY(const auto text, read("task.json"));
  COE_TRY(auto task, parse_web_task(text, (folder / "task.json").string()));
  task.id = folder.filename().string();
  COE_TRY(task.reference, read(fmt::format("reference.{}", format_name(task.format))));
  // What fails does not change what passes: mutants are not part of the digest.
  const Path mutants = folder / "mutants.json";
  COE_TRY(const auto mutants_text, read_text(mutants));
  COE_TRY(task.mutants, parse_web_mutants(mutants_text, task.reference, mutants.string()));
  return task;
}

std::size_t rank_of(const WebTask& task) {
  return static_cast<std::size_t>(std::ranges::find(kWebCategories, task.category) -
                                  kWebCategories.begin());
}

}  // namespace

std::string_view step_name(StepKind kind) {
  return std::ranges::find(kSteps, kind, &StepShape::kind)->key;
}

bool is_check(StepKind kind) {
  return kind == StepKind::kExpect || kind == StepKind::kStays || kind == StepKind::kDiffer ||
         kind == StepKind::kSame;
}

bool is_action(StepKind kind) {
  return !is_check(kind) && kind != StepKind::kWait && kind != StepKind::kShoot;
}

std::string_view format_name(WebFormat format) {
  return kFormats[static_cast<std::size_t>(format)];
}

std::string_view fault_name(WebFault fault) { return kFaults[static_cast<std::size_t>(fault)]; }

std::optional<WebFault> fault_from_name(std::string_view name) {
  const auto at = std::ranges::find(kFaults, name);
  if (at == kFaults.end()) return {};
  return static_cast<WebFault>(at - kFaults.begin());
}

Result<WebTask> parse_web_task(std::string_view text, const std::string& where) {
  COE_TRY(const auto json, read_json(text, where));
  if (!json.is_object() || string_at(json, "schema") != "coe.web-task/1")
    return fail(Code::kUnsupported, where + ": is no coe.web-task/1");
  WebTask task;
  COE_TRY(task.title, text_of(json, "title", where));
  COE_TRY(task.category, text_of(json, "category", where));
  COE_TRY(const auto format, text_of(json, "format", where));
  COE_TRY(task.prompt, text_of(json, "prompt", where));
  if (std::ranges::find(kWebCategories, task.category) == kWebCategories.end())
    return fail(Code::kCorrupt,
                fmt::format("{}: no category `{}`", where, printable(task.category)));
  const auto at = std::ranges::find(kFormats, format);
  if (at == kFormats.end())
    return fail(Code::kCorrupt, fmt::format("{}: no format `{}`", where, printable(format)));
  task.format = static_cast<WebFormat>(at - kFormats.begin());
  COE_TRY(task.elements, texts_of(json.value("elements", Json()), where + ": `elements`"));
  const auto apart = json.value("apart", Json::array());
  if (!apart.is_array()) return fail(Code::kCorrupt, where + ": `apart` must be an array");
  for (const auto& group : apart) {
    COE_TRY(auto targets, texts_of(group, where + ": each of `apart`"));
    task.apart.push_back(std::move(targets));
  }
  const auto steps = json.value("steps", Json::array());
  if (!steps.is_array()) return fail(Code::kCorrupt, where + ": `steps` must be an array");
  for (const auto& step : steps) {
    COE_TRY(auto parsed,
            parse_step(step, fmt::format("{}: step {}", where, task.steps.size() + 1)));
    task.steps.push_back(std::move(parsed));
  }
  COE_TRY_STATUS(check_shots(task.steps, where));
  return task;
}

Result<std::vector<WebMutant>> parse_web_mutants(std::string_view text,
                                                 const std::string& reference,
                                                 const std::string& where) {
  COE_TRY(const auto json, read_json(text, where));
  if (!json.is_array()) return fail(Code::kCorrupt, where + ": must be an array");
  std::vector<WebMutant> mutants;
  for (const auto& one : json) {
    WebMutant mutant;
    mutant.name = one.is_object() ? string_at(one, "name") : std::string();
    const auto at = fmt::format("{}: mutant `{}`", where, printable(mutant.name));
    const auto kind = one.is_object() ? fault_from_name(string_at(one, "kind")) : std::nullopt;
    if (mutant.name.empty() || !kind)
      return fail(Code::kCorrupt, at + ": `name` or `kind` is missing or unknown");
    mutant.kind = *kind;
    mutant.why = string_at(one, "why");
    mutant.about = string_at(one, "about");
    COE_TRY(mutant.source, mutated(reference, one, at));
    for (const auto& other : mutants)
      if (other.kind == mutant.kind && other.about == mutant.about)
        return fail(Code::kCorrupt,
                    fmt::format("{}: fails as `{}` does", at, printable(other.name)));
    mutants.push_back(std::move(mutant));
  }
  return mutants;
}

Result<WebSuite> load_web_suite(const Path& folder, std::span<const std::string> only) {
  WebSuite suite;
  suite.folder = folder;
  std::string text;
  std::error_code ec;
  if (!std::filesystem::exists(folder / "page.js", ec))
    return fail(Code::kNotFound, fmt::format("{}: holds no web suite", folder.string()),
                "name the folder web/ of coe's source with --suite");
  for (const auto* name : {"page.js", "toolchain/build.mjs", "toolchain/package-lock.json"}) {
    COE_TRY(const auto content, read_text(folder / name));
    if (suite.helpers.empty()) suite.helpers = content;
    text += content;
  }
  std::vector<Path> folders;
  for (const auto& entry : std::filesystem::directory_iterator(folder / "tasks", ec))
    if (entry.is_directory()) folders.push_back(entry.path());
  if (ec) return tl::unexpected(io_error(folder / "tasks", "list"));
  std::ranges::sort(folders);
  std::set<std::string> unknown(only.begin(), only.end());
  for (const auto& path : folders) {
    COE_TRY(auto task, load_task(path, text));
    const bool wanted = only.empty() || std::ranges::find(only, task.id) != only.end() ||
                        std::ranges::find(only, task.category) != only.end();
    unknown.erase(task.id);
    unknown.erase(task.category);
    if (wanted) suite.tasks.push_back(std::move(task));
  }
  if (!unknown.empty())
    return fail(Code::kNotFound,
                fmt::format("no task or category `{}` in {}", *unknown.begin(), folder.string()));
  std::ranges::sort(suite.tasks, [](const auto& a, const auto& b) {
    return std::pair(rank_of(a), std::string_view(a.id)) <
           std::pair(rank_of(b), std::string_view(b.id));
  });
  suite.digest = digest_of(text);
  return suite;
}

std::string web_prompt(const WebTask& task) {
  std::string_view reply;
  switch (task.format) {
    case WebFormat::kHtml:
      reply =
          "Answer with one complete HTML file in a single code block: CSS and JavaScript inline, "
          "nothing loaded from elsewhere.";
      break;
    case WebFormat::kJsx:
      reply =
          "Answer with one file, App.jsx, in a single code block: a function component for React "
          "19 as default export that imports only from 'react'. Put styles inline or into a "
          "<style> element; load nothing from elsewhere.";
      break;
    case WebFormat::kVue:
      reply =
          "Answer with one single-file component, App.vue, in a single code block: Vue 3 with "
          "<script setup>, importing only from 'vue'. Load nothing from elsewhere.";
      break;
    case WebFormat::kSvelte:
      reply =
          "Answer with one file, App.svelte, in a single code block: a Svelte 5 component that "
          "imports only from 'svelte'. Load nothing from elsewhere.";
      break;
  }
  return fmt::format("{}\n\n{}", task.prompt, reply);
}

}  // namespace coe
