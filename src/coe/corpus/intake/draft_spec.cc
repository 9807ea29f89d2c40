#include "coe/corpus/intake/draft_spec.h"

#include "coe/base/file.h"
#include "coe/base/json.h"
#include "coe/base/observer.h"
#include "coe/base/printable.h"
#include "coe/base/result.h"
#include "coe/base/utf8.h"
#include "coe/corpus/corpus.h"
#include "coe/corpus/intake/file_form.h"
#include "coe/corpus/intake/folder.h"
#include "coe/corpus/intake/taken.h"
#include "coe/corpus/record_reader.h"
#include "coe/corpus/spec.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <system_error>
#include <unordered_set>
#include <utility>
#include <vector>

namespace coe {
namespace {

constexpr std::string_view kOther = "other";
constexpr std::uint64_t kThin = 15;             // pieces; the build leaves thinner domains out
constexpr std::size_t kMostPatterns = 500;      // of a source
constexpr std::size_t kMostRecordFiles = 1000;  // the same, of JSON

// The sub-domain of a text file by its ending.
std::string_view group_of(std::string_view ending) {
  using Pair = std::pair<std::string_view, std::string_view>;
  static constexpr std::array kGroups = {Pair{".py", "python"},      Pair{".pyi", "python"},
                                         Pair{".js", "javascript"},  Pair{".mjs", "javascript"},
                                         Pair{".cjs", "javascript"}, Pair{".jsx", "javascript"},
                                         Pair{".ts", "typescript"},  Pair{".tsx", "typescript"},
                                         Pair{".mts", "typescript"}, Pair{".html", "html"},
                                         Pair{".htm", "html"},       Pair{".vue", "html"},
                                         Pair{".svelte", "html"},    Pair{".css", "css"},
                                         Pair{".scss", "css"},       Pair{".less", "css"},
                                         Pair{".c", "cpp"},          Pair{".h", "cpp"},
                                         Pair{".cc", "cpp"},         Pair{".cpp", "cpp"},
                                         Pair{".cxx", "cpp"},        Pair{".hh", "cpp"},
                                         Pair{".hpp", "cpp"},        Pair{".cu", "cpp"},
                                         Pair{".rs", "rust"},        Pair{".go", "go"},
                                         Pair{".java", "java"},      Pair{".kt", "kotlin"},
                                         Pair{".cs", "csharp"},      Pair{".swift", "swift"},
                                         Pair{".rb", "ruby"},        Pair{".php", "php"},
                                         Pair{".lua", "lua"},        Pair{".r", "r"},
                                         Pair{".jl", "julia"},       Pair{".hs", "haskell"},
                                         Pair{".sql", "sql"},        Pair{".sh", "shell"},
                                         Pair{".bash", "shell"},     Pair{".yaml", "config"},
                                         Pair{".yml", "config"},     Pair{".toml", "config"},
                                         Pair{".ini", "config"},     Pair{".cfg", "config"},
                                         Pair{".xml", "config"},     Pair{".cmake", "config"}};
  const auto* const found = std::ranges::find(kGroups, ending, &Pair::first);
  if (found != kGroups.end()) return found->second;
  return ending.starts_with('.') && is_prose(ending) ? "prose" : kOther;
}

struct Group {
  std::string name;
  std::string field;  // of chats; see chat_field()
  bool is_json = false;
  std::uint64_t n_file = 0;
  std::uint64_t n_item = 0;
  std::uint64_t n_char = 0;
  std::uint64_t n_piece = 0;
  std::set<std::string> patterns;  // of text files
  std::vector<std::string> files;  // of JSON
};

// A string of TOML, whose escapes are those of JSON.
std::string toml_string(std::string_view text) {
  return json_text(nlohmann::json(std::string(text)));
}

std::string list_of(const std::vector<std::string>& items, std::size_t indent) {
  std::string out = "[";
  std::size_t width = indent;
  for (std::size_t i = 0; i < items.size(); ++i) {
    const std::string item = toml_string(items[i]) + (i + 1 < items.size() ? "," : "");
    constexpr std::size_t kWidth = 100;
    if (i > 0 && width + item.size() > kWidth) {
      out += "\n" + std::string(indent, ' ');
      width = indent;
    } else if (i > 0) {
      out += ' ';
    }
    out += item;
    width += item.size() + 1;
  }
  return out + "]";
}

// The keys that hold out a part of `n_item` files or records.
std::string split_text_of(std::uint64_t n_item, std::string_view unit) {
  if (n_item < 2)
    return fmt::format("# It is a single {}: nothing of it is held out.\n",
                       unit.substr(0, unit.size() - 1));
  constexpr std::uint64_t kModulus = 10;
  const std::uint64_t modulus = n_item >= 2 * kModulus ? kModulus : n_item;
  std::string off;
  for (std::uint64_t i = 0; i + 1 < modulus; ++i) off += fmt::format("{}{}", i > 0 ? ", " : "", i);
  return fmt::format(
      "# Of each {} {} the last is held out: --held-out takes it.\nmodulus = {}\noff = [{}]\n",
      modulus, unit, modulus, off);
}

class Drafter {
 public:
  Drafter(const DraftOptions& options, Observer& observer)
      : options_(options), observer_(observer) {}

  Result<SpecDraft> draft() {
    COE_TRY_STATUS(check_output(options_.output, options_.overwrite));
    draft_.taken.label = "text";
    draft_.taken.given = {options_.folder.string()};
    COE_TRY(const auto walk, walk_folder(options_.folder, draft_.taken, observer_));
    std::unordered_set<std::uint64_t> seen;
    COE_TRY_STATUS(read_folder(options_.folder, walk, seen, draft_.taken, observer_,
                               [&](const FolderFile& file) -> Status {
                                 add(file);
                                 return {};
                               }));
    draft_.taken.sort_endings();
    auto groups = join_thin_ones();
    if (groups.empty())
      return fail(Code::kNotFound,
                  fmt::format("{}: there is no text in it", options_.folder.string()),
                  taken_text(draft_.taken));
    const std::string spec = text_of(groups, walk);
    COE_TRY_STATUS(parse_corpus_spec(spec, options_.output).map([](const auto&) {}));
    COE_TRY_STATUS(write_file(options_.output, spec, options_.overwrite));
    return std::move(draft_);
  }

 private:
  void add(const FolderFile& file) {
    std::error_code ec;
    if (std::filesystem::equivalent(options_.folder / file.name, options_.output, ec)) return;
    if (file.is_json) return add_json(file);
    const Path path(file.name);
    if (unpacked_name(path) != path.filename().string())  // files of a spec are read as they are
      return draft_.taken.leave_out("packed", file.name);
    Group& group = groups_[std::string(group_of(file.ending))];
    const std::uint64_t n_char = count_chars(file.text);
    ++group.n_item;
    group.n_piece += n_char / kPieceChars + 1;
    group.patterns.insert(path.has_extension() ? fmt::format("**/*{}", path.extension().string())
                                               : fmt::format("**/{}", path.filename().string()));
    count(group, n_char);
    ++draft_.taken.n_file;
    draft_.taken.n_piece += n_char / kPieceChars + 1;
    draft_.taken.count_ending(file.ending);
  }

  void add_json(const FolderFile& file) {
    RecordReader reader(file.text);
    auto record = reader.next();
    const std::string_view first = record && *record ? (**record).text : std::string_view();
    const std::string field = chat_field(first, default_text_spec());
    if (field.empty() && !has_text(first, default_text_spec()))
      return draft_.taken.leave_out("data", file.name);
    std::uint64_t n = 0;
    for (; record && *record; record = reader.next()) ++n;
    const std::string name = field.empty() ? "records" : "chats";
    Group& group = groups_[field.empty() ? name : name + " " + field];
    group.field = field;
    group.is_json = true;
    group.n_item += n;
    group.n_piece += n;
    count(group, count_chars(file.text));
    group.files.push_back(file.name);
    (field.empty() ? draft_.taken.n_record : draft_.taken.n_chat) += n;
  }

  static void count(Group& group, std::uint64_t n_char) {
    ++group.n_file;
    group.n_char += n_char;
  }

  // Groups, the largest first; those too thin for a sub-domain of their own are one.
  std::vector<Group> join_thin_ones() {
    std::vector<Group> out;
    Group other = groups_[std::string(kOther)];
    std::map<std::string, int> n_chats;
    for (auto& [key, group] : groups_) {
      if (key == kOther) continue;
      group.name = key.substr(0, key.find(' '));
      // Chats of several forms are sub-domains of their own.
      if (const int n = ++n_chats[group.name]; n > 1) group.name += fmt::format("-{}", n);
      if (group.is_json || group.n_piece >= kThin) {
        out.push_back(group);
        continue;
      }
      other.n_file += group.n_file;
      other.n_item += group.n_item;
      other.n_char += group.n_char;
      other.n_piece += group.n_piece;
      other.patterns.insert(group.patterns.begin(), group.patterns.end());
    }
    other.name = kOther;
    if (other.n_file > 0) out.push_back(std::move(other));
    std::ranges::stable_sort(out, std::ranges::greater(), &Group::n_char);
    return out;
  }

  // The folder as the spec names it: relative where it lies in the spec's own.
  std::string root() const {
    std::error_code ec;
    const Path folder = std::filesystem::canonical(options_.folder, ec);
    const Path beside = std::filesystem::canonical(
        options_.output.has_parent_path() ? options_.output.parent_path() : Path("."), ec);
    const std::string relative = folder.lexically_relative(beside).generic_string();
    const bool is_outside = relative.empty() || relative.starts_with("..");
    return is_outside ? folder.generic_string() : relative;
  }

  std::vector<std::string> excludes(const FolderWalk& walk) const {
    std::vector<std::string> out = {"**/.*", "**/.*/**"};
    for (const auto& folder : walk.folders) out.push_back(folder + "/**");
    out.insert(out.end(), walk.ignored.begin(), walk.ignored.end());
    std::error_code ec;
    const std::string own = std::filesystem::weakly_canonical(options_.output, ec)
                                .lexically_relative(std::filesystem::canonical(options_.folder, ec))
                                .generic_string();
    if (!own.empty() && !own.starts_with("..")) out.push_back(own);
    return out;
  }

  std::string text_of(const std::vector<Group>& groups, const FolderWalk& walk) {
    const std::string spec = options_.output.filename().string();
    std::string out = fmt::format(
        "# A first spec of `coe corpus build`, made by `coe corpus init`: edit it as you like.\n"
        "# docs/formats/corpus.md has all keys. In the folder were\n"
        "# {}\n#\n"
        "#   coe corpus build {} -o corpus.jsonl                what the specialist is made by\n"
        "#   coe corpus build {} --held-out -o held-out.jsonl   what it is measured on\n\n"
        "seed = 1\n"
        "max_chars = {}  # longer files are cut into pieces, at ends of lines where they can\n",
        printable(taken_text(draft_.taken), 2000), spec, spec, kPieceChars);
    double n_all = 0.0;
    for (const auto& group : groups) n_all += static_cast<double>(group.n_char);
    const auto left_out = excludes(walk);
    for (const auto& group : groups) {
      const double share = static_cast<double>(group.n_char) / n_all;
      const double weight = std::max(0.01, std::round(100.0 * share) / 100.0);
      draft_.domains.push_back({group.name, weight, group.n_file, group.n_item, group.n_char});
      out += domain_text(group, weight, left_out);
    }
    return out;
  }

  std::string domain_text(const Group& group, double weight,
                          const std::vector<std::string>& left_out) {
    std::string out = fmt::format(
        "\n[[domain]]\nname = \"{}\"\n"
        "weight = {:g}  # {} file{}, {} characters: its share of all. Raise it for what matters\n",
        group.name, weight, grouped(group.n_file), group.n_file == 1 ? "" : "s",
        grouped(group.n_char));
    if (group.n_piece < kThin) out += "keep_thin = true  # there is little of it\n";
    if (!group.is_json) {
      std::vector<std::string> include(group.patterns.begin(), group.patterns.end());
      std::vector<std::string> exclude = left_out;
      const bool is_cut = include.size() > kMostPatterns || exclude.size() > kMostPatterns;
      include.resize(std::min(include.size(), kMostPatterns));
      exclude.resize(std::min(exclude.size(), kMostPatterns));
      out += fmt::format(
          "\n[[domain.source]]\nkind = \"files\"\nroot = {}\ninclude = {}\nexclude = {}\n{}{}{}",
          toml_string(root()), list_of(include, 11), list_of(exclude, 11),
          is_cut ? "# There were more patterns than can stand here.\n" : "",
          group.name == "prose" || group.name == kOther
              ? "skip_minified = false  # paragraphs are long lines\n"
              : "",
          split_text_of(group.n_item, "files"));
      return out;
    }
    std::vector<std::string> files;
    files.reserve(group.files.size());
    for (const auto& file : group.files)
      files.push_back((Path(root()) / file).lexically_normal().generic_string());
    const bool is_cut = files.size() > kMostRecordFiles;
    files.resize(std::min(files.size(), kMostRecordFiles));
    out += fmt::format("\n[[domain.source]]\nkind = \"jsonl\"\npath = {}\n{}", list_of(files, 8),
                       is_cut ? "# There were more files than can stand here.\n" : "");
    if (!group.field.empty()) {
      draft_.needs_model = true;
      out += fmt::format(
          "# Chats are rendered by the template of the parent: build with -m PARENT.gguf.\n"
          "chat = {{ messages = {} }}\nmax_bad = \"10%\"  # chats that cannot be used\n",
          toml_string(group.field));
    }
    return out + split_text_of(group.n_item, group.field.empty() ? "records" : "chats");
  }

  const DraftOptions& options_;
  Observer& observer_;
  std::map<std::string, Group> groups_;
  SpecDraft draft_;
};

}  // namespace

Result<SpecDraft> draft_spec(const DraftOptions& options, Observer& observer) {
  return Drafter(options, observer).draft();
}

}  // namespace coe
