#include "coe/base/file.h"
#include "coe/base/lines.h"
#include "coe/base/observer.h"
#include "coe/base/printable.h"
#include "coe/base/result.h"
#include "coe/base/unpack.h"
#include "coe/corpus/foreign_file.h"
#include "coe/corpus/glob.h"
#include "coe/corpus/hooks.h"
#include "coe/corpus/json_line.h"
#include "coe/corpus/mmlu_pro.h"
#include "coe/corpus/reasoning.h"
#include "coe/corpus/record_chat.h"
#include "coe/corpus/record_reader.h"
#include "coe/corpus/source_steps.h"
#include "coe/corpus/sources.h"
#include "coe/corpus/spec.h"
#include "coe/corpus/text_spec.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace coe {
namespace {

using Extra = std::vector<std::pair<std::string, std::string>>;

std::string string_or(const std::vector<JsonMember>& members, std::string_view field,
                      std::string_view otherwise) {
  const JsonMember* found = find_member(members, field);
  const bool usable = found != nullptr && found->kind == JsonMember::Kind::kString;
  return usable ? found->text : std::string(otherwise);
}

// Numbers the records of each category as published, and says which the split takes.
class OffSplit {
 public:
  explicit OffSplit(const OffSpec& spec) : spec_(spec) {}

  Result<bool> take(const std::vector<JsonMember>& members) {
    if (spec_.off.empty()) return true;
    std::string category;
    if (!spec_.category.empty()) {
      const JsonMember* member = find_member(members, spec_.category);
      if (member == nullptr || member->kind != JsonMember::Kind::kString)
        return fail(
            Code::kCorrupt,
            fmt::format("field `{}`, the category, is no string", printable(spec_.category)),
            "set `category` to the field that says it, or leave it away to number the "
            "whole source");
      category = member->text;
    }
    const std::uint64_t remainder = next_[category]++ % spec_.modulus;
    return std::find(spec_.off.begin(), spec_.off.end(), remainder) != spec_.off.end();
  }

 private:
  const OffSpec& spec_;
  std::map<std::string, std::uint64_t> next_;
};

// The last thing that each says, as the shared form of chat records keeps it.
Extra parts_of(const std::vector<ChatTurn>& turns) {
  const auto last = [&](std::string_view role) -> const ChatTurn* {
    const auto found = std::find_if(turns.rbegin(), turns.rend(),
                                    [&](const ChatTurn& turn) { return turn.role == role; });
    return found == turns.rend() ? nullptr : &*found;
  };
  Extra out;
  if (const auto* user = last("user")) out.emplace_back("problem", user->content);
  if (turns.empty() || turns.back().role != "assistant") return out;
  out.emplace_back("solution", turns.back().content);
  if (!turns.back().thinking.empty()) out.emplace_back("thinking", turns.back().thinking);
  return out;
}

// What a chat holds that is not in its text; see RecordChat. All are mostly empty.
struct Unread {
  std::string thinking;
  std::string_view tools;
  std::map<std::string, std::uint64_t> left_out;
};

// Makes a record's text, format and further fields. `json` is what `members` were read from; empty
// for records that were never JSON.
Result<Draft> draft_of(const SourceSpec& spec, const BuildContext& context,
                       const std::vector<JsonMember>& members, std::string_view json, Extra extra,
                       Unread& unread) {
  Draft out;
  if (spec.chat) {
    const bool by_messages = !spec.chat->messages.empty();
    COE_TRY(auto chat, by_messages ? chat_of_messages(json, spec.chat->messages)
                                   : chat_of_fields(*spec.chat, members));
    COE_TRY_STATUS(part_thinking(context.model, spec.chat->drop_thinking, chat));
    COE_TRY(out.text, context.model.render_chat(chat.turns));
    out.format = spec.format.empty() ? "chat" : spec.format;
    out.extra = parts_of(chat.turns);
    unread = {std::move(chat.unknown_thinking), chat.tools, std::move(chat.left_out)};
  } else {
    COE_TRY(out.text, spec.text.render(members));
    out.format = spec.format.empty() ? string_or(members, "format", "text") : spec.format;
  }
  if (out.text.empty())
    return fail(Code::kCorrupt, "the text is empty", "remove the record or choose other fields");
  for (auto& field : extra) {
    const bool there = std::any_of(out.extra.begin(), out.extra.end(),
                                   [&](const auto& other) { return other.first == field.first; });
    if (!there) out.extra.push_back(std::move(field));
  }
  return out;
}

// What a kind of source makes of a line.
struct Fields {
  std::vector<JsonMember> members;  // those that specs may name
  Extra extra;                      // those that the record keeps
  std::string source;
};

Result<Fields> fields_of_question(std::string_view json, const std::string& place) {
  COE_TRY(const MultipleChoice parsed, parse_mmlu_pro(json));
  const std::string letter(1, option_letter(parsed.answer));
  const std::string options = lettered_options(parsed);
  const std::string problem = fmt::format("{}\n{}", parsed.question, options);
  const std::string solution = fmt::format("The answer is ({}).", letter);
  // The published reasoning ends with these words, which are the solution here.
  std::string_view thinking = parsed.reasoning;
  if (thinking.ends_with(solution)) thinking.remove_suffix(solution.size());
  thinking = thinking.substr(0, thinking.find_last_not_of(" \n") + 1);
  Fields out;
  out.source = place;
  out.members = {string_member("text", fmt::format("{}\n{}{}{}", problem, thinking,
                                                   thinking.empty() ? "" : "\n", solution)),
                 string_member("problem", problem),
                 string_member("question", parsed.question),
                 string_member("options", options),
                 string_member("answer", letter),
                 string_member("answer_text", parsed.options[parsed.answer]),
                 string_member("thinking", thinking),
                 string_member("solution", solution),
                 string_member("category", parsed.category),
                 string_member("src", parsed.source)};
  out.extra = {{"problem", problem}, {"solution", solution}};
  if (!thinking.empty()) out.extra.emplace_back("thinking", thinking);
  out.extra.emplace_back("category", parsed.category);
  return out;
}

Result<Fields> fields_of_line(const JsonlSource& kind, std::string_view json,
                              const std::string& place) {
  Fields out;
  COE_TRY(out.members, parse_json_line(json));
  out.source = string_or(out.members, "source", place);
  for (const auto& field : kind.keep) {
    const JsonMember* member = find_member(out.members, field);
    if (member != nullptr && member->kind == JsonMember::Kind::kString)
      out.extra.emplace_back(field, member->text);
  }
  return out;
}

using FieldsOf = std::function<Result<Fields>(std::string_view json, const std::string& place)>;

// Chats of a file that declare tools.
struct DeclaredTools {
  std::uint64_t n_chat = 0;
  std::string first;  // place
};

// Reads the files of one source in order.
class RecordSource {
 public:
  // `categories`: those to take; empty: all.
  RecordSource(const SourceSpec& spec, const RecordFiles& files,
               std::vector<std::string> categories, FieldsOf fields_of, const BuildContext& context,
               Observer& observer)
      : spec_(spec),
        files_(files),
        categories_(std::move(categories)),
        fields_of_(std::move(fields_of)),
        context_(context),
        observer_(observer),
        split_(files.off) {}

  Result<SourceRecords> read() {
    for (const auto& pattern : files_.paths) {
      COE_TRY(const auto found, expand_glob(context_.root, pattern));
      for (const auto& name : found) COE_TRY_STATUS(add_file(name));
    }
    COE_TRY_STATUS(out_.bad.check(context_.max_bad.value_or(spec_.max_bad), n_record_));
    for (const auto& category : categories_) {
      if (seen_.contains(category)) continue;
      return fail(Code::kNotFound, fmt::format("no question is of category `{}`", category),
                  fmt::format("there are: {}", fmt::join(seen_, ", ")));
    }
    for (const auto& [what, n] : left_out_)
      observer_.warning(fmt::format("{}: its chats are without {} {}", spec_.where, n, what));
    for (const auto& [what, n] : unknown_thinking_)
      observer_.warning(
          fmt::format("{}: {} {} {}", spec_.where, n, n == 1 ? "chat has" : "chats have", what));
    return std::move(out_);
  }

 private:
  Status add_file(const std::string& name) {
    const Path path = context_.root / name;
    COE_TRY_STATUS(refuse_output(spec_, context_, path));
    COE_TRY(const auto file, TextFile::open(path));
    COE_TRY_STATUS(refuse_foreign(file.text(), path));
    context_.log.add(path, context_.root, file.stored());
    RecordReader reader(file.text());
    for (std::uint64_t n_read = 0;; ++n_read) {
      constexpr std::uint64_t kRecordsPerPoll = 64;
      if (n_read % kRecordsPerPoll == 0 && observer_.cancelled()) return cancelled(spec_);
      auto line = reader.next();
      if (!line)
        return tl::unexpected(
            std::move(line).error().context(fmt::format("{}:{}", path.string(), reader.line())));
      if (!*line) {
        warn_of_tools();
        return {};
      }
      ++n_record_;
      const std::string place = fmt::format("{}:{}", name, (*line)->number);
      auto status = add_record((*line)->text, place);
      if (status) continue;
      const bool is_bad = status.error().code == Code::kCorrupt ||
                          status.error().code == Code::kNotFound;  // of a field
      if (!is_bad) return tl::unexpected(std::move(status).error().context(place));
      out_.bad.add(status.error(), place);
    }
  }

  Status add_record(std::string_view json, const std::string& place) {
    COE_TRY(auto fields, fields_of_record(json, place));
    COE_TRY(const bool taken, split_.take(fields.members));
    if (!categories_.empty()) {
      const std::string category = string_or(fields.members, "category", "");
      seen_.insert(category);
      if (std::ranges::find(categories_, category) == categories_.end()) return {};
    }
    if (!taken) return {};
    COE_TRY(const bool pass, fields_pass(spec_, fields.members));
    if (!pass) {
      ++out_.n_filtered;
      return {};
    }
    Unread unread;
    COE_TRY(auto draft,
            draft_of(spec_, context_, fields.members, json, std::move(fields.extra), unread));
    note_unread(std::move(unread), place);
    for (auto& piece : pieces_of(spec_, std::move(draft.text), fields.source))
      out_.drafts.push_back(
          {std::move(piece.text), std::move(piece.name), draft.format, draft.extra, 0});
    return {};
  }

  void note_unread(Unread unread, const std::string& place) {
    constexpr std::size_t kMostKinds = 16;  // names come from the records
    if (!unread.thinking.empty()) {
      const bool is_new = !unknown_thinking_.contains(unread.thinking);
      if (is_new && unknown_thinking_.size() >= kMostKinds)
        unread.thinking = "other thinking, which coe cannot read and leaves out";
      ++unknown_thinking_[std::move(unread.thinking)];
    }
    for (const auto& [what, n] : unread.left_out) left_out_[what] += n;
    if (unread.tools.empty()) return;
    auto& tools = tools_[unread.tools];
    if (tools.n_chat++ == 0) tools.first = place;
  }

  void warn_of_tools() {
    for (const auto& [field, found] : tools_)
      observer_.warning(fmt::format(
          "{}: the field `{}` declares tools, {}: declarations are not read, and the text of these "
          "chats is without them",
          found.first, field,
          found.n_chat == 1 ? "here alone" : fmt::format("{} chats from here on", found.n_chat)));
    tools_.clear();
  }

  // A record that is itself the list of messages has no fields.
  Result<Fields> fields_of_record(std::string_view json, const std::string& place) const {
    const bool is_list = json.starts_with('[') && spec_.chat && !spec_.chat->messages.empty();
    return is_list ? Fields{{}, {}, place} : fields_of_(json, place);
  }

  const SourceSpec& spec_;
  const RecordFiles& files_;
  std::vector<std::string> categories_;
  FieldsOf fields_of_;
  const BuildContext& context_;
  Observer& observer_;
  OffSplit split_;
  std::set<std::string> seen_;  // categories
  std::uint64_t n_record_ = 0;
  std::map<std::string, std::uint64_t> unknown_thinking_;  // number of chats
  std::map<std::string_view, DeclaredTools> tools_;        // of the file, by field
  std::map<std::string, std::uint64_t> left_out_;          // of chats; see RecordChat
  SourceRecords out_;
};

}  // namespace

Result<SourceRecords> read_kind(const SourceSpec& spec, const JsonlSource& kind,
                                const BuildContext& context, Observer& observer) {
  const auto fields_of = [&](std::string_view json, const std::string& place) {
    return fields_of_line(kind, json, place);
  };
  return RecordSource(spec, kind.files, {}, fields_of, context, observer).read();
}

Result<SourceRecords> read_kind(const SourceSpec& spec, const MmluProSource& kind,
                                const BuildContext& context, Observer& observer) {
  return RecordSource(spec, kind.files, kind.categories, fields_of_question, context, observer)
      .read();
}

Result<SourceRecords> read_kind(const SourceSpec& spec, const ReasoningSource& kind,
                                const BuildContext& context, Observer& /*observer*/) {
  SourceRecords out;
  const auto problems = generate_reasoning(spec.seed, kind.n, kind.fold);
  if (problems.size() < kind.n)
    return fail(Code::kCorrupt,
                fmt::format("{}: key `n`: there are only {} such problems ({} asked for)",
                            spec.where, problems.size(), kind.n),
                "lower n, or take a larger fold");
  for (std::size_t i = 0; i < problems.size(); ++i) {
    const auto& made = problems[i];
    const std::vector<JsonMember> members = {
        string_member("problem", made.problem), string_member("thinking", made.thinking),
        string_member("solution", made.solution), string_member("family", made.family)};
    COE_TRY(const bool pass, fields_pass(spec, members));
    if (!pass) {
      ++out.n_filtered;
      continue;
    }
    const Extra extra = {
        {"problem", made.problem}, {"thinking", made.thinking}, {"solution", made.solution}};
    Unread unread;  // our own problems have nothing such
    COE_TRY(auto draft, draft_of(spec, context, members, {}, extra, unread));
    const std::string name = fmt::format("reasoning/{}:{}", made.family, i + 1);
    for (auto& piece : pieces_of(spec, std::move(draft.text), name))
      out.drafts.push_back(
          {std::move(piece.text), std::move(piece.name), draft.format, draft.extra, 0});
  }
  return out;
}

}  // namespace coe
