#include "coe/corpus/intake/take_text.h"

#include "coe/base/file.h"
#include "coe/base/observer.h"
#include "coe/base/printable.h"
#include "coe/base/result.h"
#include "coe/base/text.h"
#include "coe/base/unpack.h"
#include "coe/corpus/bad_records.h"
#include "coe/corpus/corpus_builder.h"
#include "coe/corpus/foreign_file.h"
#include "coe/corpus/intake/file_form.h"
#include "coe/corpus/intake/folder.h"
#include "coe/corpus/json_line.h"
#include "coe/corpus/pieces.h"
#include "coe/corpus/record_chat.h"
#include "coe/corpus/record_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <unistd.h>
#include <unordered_set>
#include <utility>
#include <vector>

namespace coe {
namespace {

constexpr std::string_view kStdin = "-";

// A given folder's or file's name, which its records have as their sub-domain.
std::string domain_of(const Path& given, bool is_folder) {
  if (given == kStdin) return "stdin";
  if (is_folder) {
    std::error_code ec;
    const Path whole = std::filesystem::canonical(given, ec);  // of "." and "src/"
    return ec || !whole.has_filename() ? given.string() : whole.filename().string();
  }
  return Path(unpacked_name(given)).stem().string();
}

Result<std::string> read_stdin(Observer& observer) {
  std::string out;
  std::array<char, std::size_t{64} << 10> piece{};
  while (true) {
    if (observer.cancelled()) return fail(Code::kCancelled, "reading text: interrupted");
    const ssize_t n = ::read(STDIN_FILENO, piece.data(), piece.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return tl::unexpected(io_error("standard input", "read"));
    if (n == 0) break;
    out.append(piece.data(), static_cast<std::size_t>(n));
    if (out.size() > kMostUnpackedBytes)
      return fail(Code::kUnsupported,
                  fmt::format("standard input: more than {}", human_bytes(kMostUnpackedBytes)),
                  "give the file itself");
  }
  COE_TRY(auto unpacked, unpack(std::as_bytes(std::span(out)), "standard input"));
  return unpacked ? *std::move(unpacked) : std::move(out);
}

class Taker {
 public:
  Taker(const TakeOptions& options, Observer& observer) : options_(options), observer_(observer) {
    taken_.label = options.label;
  }

  Status take(const Path& given) {
    taken_.given.push_back(given.string());
    std::error_code ec;
    const Path real = given == kStdin ? given : std::filesystem::canonical(given, ec);
    if (!ec && !real_.insert(real).second) return twice(given);
    if (given == kStdin) {
      COE_TRY(const std::string bytes, read_stdin(observer_));
      return take_file(bytes, "stdin", {}, domain_of(given, false));
    }
    if (std::filesystem::is_directory(given, ec)) return take_folder(given, real);
    COE_TRY(const auto file, TextFile::open(given));
    return take_file(file.text(), given.string(), unpacked_name(given), domain_of(given, false));
  }

  Status take_bytes(std::string_view bytes, const Path& name) {
    taken_.given.push_back(name.string());
    return take_file(bytes, name.string(), unpacked_name(name), domain_of(name, false));
  }

  // `place` stands for the file in messages, `name` says what it is by its ending.
  Status take_file(std::string_view bytes, const std::string& place, const std::string& name,
                   const std::string& domain) {
    const bool json = is_json(bytes, name);
    if (!json) {
      if (const FileKind kind = no_text(bytes, name); !kind.what.empty())
        return fail(Code::kCorrupt, fmt::format("{}: {}", place, kind.what),
                    std::string(kind.hint));
      if (options_.only_records)
        return fail(Code::kCorrupt, fmt::format("{}: plain text, where records are wanted", place),
                    R"(give JSON Lines: one object a line, such as {"question": "…"})");
      return take_plain(bytes, place, ending_of(name), domain);
    }
    COE_TRY_STATUS(refuse_foreign(bytes, place));
    COE_TRY(const std::string field, field_of_chats(bytes, place));
    if (!field.empty()) return take_chats(bytes, place, field, domain, builder_);
    auto n = builder_.add_records(bytes, place, domain, options_.spec);
    if (!n) return tl::unexpected(std::move(n).error());
    taken_.n_record += *n;
    return {};
  }

  Result<TakenText> finish() {
    taken_.sort_endings();
    TakenText out{builder_.finish(), std::move(taken_)};
    if (!out.corpus.domains.empty()) {
      if (options_.note)
        options_.note(fmt::format("{}: {}", out.taken.label, taken_text(out.taken)));
      return out;
    }
    const std::string without = taken_text(out.taken);
    return fail(Code::kNotFound,
                fmt::format("{}: there is no text in it", fmt::join(out.taken.given, ", ")),
                without.empty() ? "give files or folders that hold text" : without);
  }

 private:
  static tl::unexpected<Error> twice(const Path& given) {
    return fail(Code::kInvalidArgument, fmt::format("{}: given twice", given.string()),
                "name each file and folder once");
  }

  Status take_folder(const Path& given, const Path& real) {
    if (options_.only_records)
      return fail(Code::kUnsupported, fmt::format("{}: is a folder", given.string()),
                  "give the path of a file in it");
    const std::string domain = domain_of(given, true);
    COE_TRY(const auto walk, walk_folder(given, taken_, observer_));
    for (const auto& name : walk.files) {
      if (!real_.insert(real / name).second) return twice(given / name);
    }
    return read_folder(given, walk, copies_, taken_, observer_, [&](const FolderFile& file) {
      const std::string place = (given / file.name).lexically_normal().generic_string();
      if (options_.on_file) options_.on_file(given / file.name);
      return file.is_json ? take_json_of_folder(file, place, domain)
                          : take_plain(file.text, place, file.ending, domain);
    });
  }

  // In a folder much JSON is for programs, and a broken file is no reason to end the work.
  Status take_json_of_folder(const FolderFile& file, const std::string& place,
                             const std::string& domain) {
    RecordReader reader(file.text);
    const auto first = reader.next();
    const bool has_record = first && first->has_value();
    const std::string field = has_record ? chat_field((**first).text, options_.spec) : "";
    if (field.empty() && !(has_record && has_text((**first).text, options_.spec))) {
      taken_.leave_out("data", file.name);
      return {};
    }
    CorpusBuilder own;  // so that nothing stays of a file that breaks off
    if (!field.empty()) {
      const auto before = taken_;
      auto status = take_chats(file.text, place, field, domain, own);
      if (!status && status.error().code != Code::kCorrupt) return status;
      if (status) return builder_.add(std::move(own));
      taken_ = before;
      taken_.leave_out_and_tell("broken", status.error().message);
      return {};
    }
    const auto n = own.add_records(file.text, place, domain, options_.spec);
    if (!n) {
      taken_.leave_out_and_tell("broken", n.error().message);
      return {};
    }
    taken_.n_record += *n;
    return builder_.add(std::move(own));
  }

  // The field by which the file's records are chats; empty where they hold their text. Errors:
  // kCorrupt where they have neither.
  Result<std::string> field_of_chats(std::string_view bytes, const std::string& place) const {
    RecordReader reader(bytes);
    const auto first = reader.next();
    if (!first || !*first) return std::string();  // add_records says it
    std::string field = options_.only_records ? "" : chat_field((**first).text, options_.spec);
    const auto members = parse_json_line((**first).text);
    if (!field.empty() || !members || has_text((**first).text, options_.spec)) return field;
    std::vector<std::string> names;
    for (const auto& member : *members) names.push_back(printable(member.name, 30));
    constexpr std::size_t kMost = 8;
    if (names.size() > kMost) names.resize(kMost);
    return fail(
        Code::kCorrupt,
        fmt::format("{}:{}: no field `{}`", place, (**first).number,
                    fmt::join(options_.spec.fields(), "`, `")),
        fmt::format("fields here: {}. Name the text with --text (--text problem+solution); chats "
                    "are told by `messages`, `conversations`, `mapping` or `chat_messages`",
                    fmt::join(names, ", ")));
  }

  Status take_plain(std::string_view bytes, const std::string& place, std::string_view ending,
                    const std::string& domain) {
    std::string text = tidy_text(bytes);
    if (text.empty())
      return fail(Code::kCorrupt, fmt::format("{}: is empty", place), "give a file with text");
    COE_TRY_STATUS(count_bytes(text.size(), place));
    ++taken_.n_file;
    taken_.count_ending(ending.empty() ? "stdin" : ending);
    for (auto& piece : cut_text(std::move(text), place, kPieceChars)) {
      ++taken_.n_piece;
      COE_TRY_STATUS(
          builder_.add({}, domain, {std::move(piece.text), std::move(piece.name), place}));
    }
    return {};
  }

  Status count_bytes(std::size_t n, const std::string& place) {
    n_byte_ += n;
    if (n_byte_ <= kMostUnpackedBytes) return {};
    return fail(Code::kUnsupported,
                fmt::format("{}: with it the text has more than {}", place,
                            human_bytes(kMostUnpackedBytes)),
                "take a part of it: coe corpus build samples by max_files and max_records");
  }

  Status open_model(const std::string& place) {
    if (hooks_) return {};
    if (!options_.model)
      return fail(Code::kInvalidArgument,
                  fmt::format("{}: holds chats, which a model's template must render", place),
                  "give the parent with -m, or render them first: coe corpus build -m");
    COE_TRY(hooks_, options_.model());
    if (hooks_->render_chat) return {};
    return fail(Code::kInvalidArgument,
                fmt::format("{}: holds chats, which a model's template must render", place),
                "give the parent with -m, or render them first: coe corpus build -m");
  }

  Status take_chats(std::string_view bytes, const std::string& place, const std::string& field,
                    const std::string& domain, CorpusBuilder& builder) {
    COE_TRY_STATUS(open_model(place));
    RecordReader reader(bytes);
    BadRecords bad;
    std::uint64_t n_record = 0;
    std::uint64_t n_empty = 0;
    while (true) {
      if (observer_.cancelled()) return fail(Code::kCancelled, "reading chats: interrupted");
      auto line = reader.next();
      if (!line)
        return tl::unexpected(
            std::move(line).error().context(fmt::format("{}:{}", place, reader.line())));
      if (!*line) break;
      ++n_record;
      const std::string where = fmt::format("{}:{}", place, (*line)->number);
      auto status = take_chat((*line)->text, field, domain, where, builder);
      if (status) continue;
      if (status.error().code == Code::kNotFound)
        ++n_empty;
      else if (status.error().code == Code::kCorrupt)
        bad.add(status.error(), where);
      else
        return tl::unexpected(std::move(status).error().context(where));
    }
    if (n_empty > 0) taken_.leave_out("chats without words", place, n_empty);
    if (bad.n() == 0) return {};
    const auto first = bad.reasons().front();
    if (bad.n() > BadLimit{kMostBadChats, {}}.allowed(n_record))
      return fail(Code::kCorrupt,
                  fmt::format("{}: {}; {} of {} chats cannot be used", first.first, first.reason,
                              bad.n(), n_record),
                  "mend them, or let coe corpus build take the others (max_bad)");
    taken_.leave_out_and_tell("chats that cannot be used",
                              fmt::format("{}: {}", first.first, first.reason), bad.n());
    return {};
  }

  Status take_chat(std::string_view json, const std::string& field, const std::string& domain,
                   const std::string& where, CorpusBuilder& builder) {
    COE_TRY(auto chat, chat_of_messages(json, field));
    COE_TRY_STATUS(part_thinking(*hooks_, false, chat));
    auto text = hooks_->render_chat(chat.turns);
    if (!text && text.error().code == Code::kCorrupt && drop_thinking(chat)) {
      text = hooks_->render_chat(chat.turns);
      if (text) taken_.leave_out("thoughts that the model's template has no place for", where);
    }
    if (!text) return tl::unexpected(std::move(text).error());
    if (text->empty()) return fail(Code::kCorrupt, "the template makes no text of it");
    COE_TRY_STATUS(count_bytes(text->size(), where));
    std::vector<JsonMember> members;
    if (!json.starts_with('[')) {
      COE_TRY(members, parse_json_line(json));
    }
    COE_TRY_STATUS(builder.add(members, domain, {*std::move(text), where}));
    ++taken_.n_chat;
    for (const auto& [what, n] : chat.left_out) taken_.leave_out(what, where, n);
    if (!chat.unknown_thinking.empty()) taken_.leave_out("unknown thoughts", where);
    if (!chat.tools.empty()) taken_.leave_out("declarations of tools", where);
    return {};
  }

  static bool drop_thinking(RecordChat& chat) {
    bool any = false;
    for (auto& turn : chat.turns) any = !std::exchange(turn.thinking, {}).empty() || any;
    return any;
  }

  static constexpr double kMostBadChats = 0.1;  // share of a file's

  const TakeOptions& options_;
  Observer& observer_;
  CorpusBuilder builder_;
  Taken taken_;
  std::set<Path> real_;
  std::unordered_set<std::uint64_t> copies_;
  std::optional<ModelHooks> hooks_;
  std::uint64_t n_byte_ = 0;
};

}  // namespace

Result<TakenText> take_text(std::span<const Path> given, const TakeOptions& options,
                            Observer& observer) {
  if (given.empty())
    return fail(Code::kInvalidArgument, "text: no file given",
                "name a file of text or of JSON Lines, or a folder");
  Taker taker(options, observer);
  for (const auto& path : given) COE_TRY_STATUS(taker.take(path));
  return taker.finish();
}

Result<TakenText> take_bytes(std::string_view bytes, const Path& name, const TakeOptions& options,
                             Observer& observer) {
  Taker taker(options, observer);
  COE_TRY_STATUS(taker.take_bytes(bytes, name));
  return taker.finish();
}

}  // namespace coe
