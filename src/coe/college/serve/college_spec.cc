#include "coe/college/serve/college_spec.h"

#include "coe/base/printable.h"
#include "coe/base/search.h"
#include "coe/base/text.h"
#include "coe/base/toml_table.h"
#include "coe/model/store/find.h"
#include "coe/model/store/places.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <utility>

namespace coe {

namespace {

constexpr std::string_view kCollegeHelp = "docs/formats/college.md describes the file";

// Names stand in URLs, headers and file names.
bool is_member_name(std::string_view name) {
  constexpr std::size_t kLongest = 64;
  return !name.empty() && name.size() <= kLongest && name.front() != '.' &&
         std::ranges::all_of(name, [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '_' || c == '-' || c == '.' || c == ':';
         });
}

Result<std::string> name_at(TomlTable& table, std::string_view otherwise) {
  COE_TRY(auto name, table.string_or("name", otherwise));
  if (!is_member_name(name))
    return table.bad("name", fmt::format("`{}` is no name", printable(name)),
                     "1 to 64 letters, digits, `_`, `-`, `.` and `:`");
  return name;
}

// Paths of the file count from its folder.
class PathReader {
 public:
  explicit PathReader(Path folder) : folder_(std::move(folder)) {}

  Result<Path> at(TomlTable& table, std::string_view key) const {
    COE_TRY(const auto text, table.string_or(key, ""));
    return text.empty() ? Path() : folder_ / text;
  }
  // A model may also be named as in another program's store.
  Result<Path> model_at(TomlTable& table, std::string_view key) const {
    COE_TRY(const auto text, table.string_or(key, ""));
    if (!program_of(text)) return text.empty() ? Path() : folder_ / text;
    auto found = find_model(text, Surroundings::of_process());
    if (!found)
      return tl::unexpected(
          std::move(found).error().context(fmt::format("{}: key `{}`", table.where(), key)));
    return found;
  }
  Result<std::vector<Path>> all_at(TomlTable& table, std::string_view key) const {
    COE_TRY(const auto texts, table.strings_or(key, {}));
    std::vector<Path> paths;
    paths.reserve(texts.size());
    for (const auto& text : texts) paths.push_back(folder_ / text);
    return paths;
  }

 private:
  Path folder_;
};

Result<std::uint64_t> bytes_at(TomlTable& table, std::string_view key, std::uint64_t otherwise) {
  if (!table.has(key)) return otherwise;
  COE_TRY(const auto text, table.string_or_count(key, ""));
  const auto bytes = parse_bytes(text);
  if (!bytes || *bytes == 0)
    return table.bad(key, fmt::format("`{}` is no number of bytes", printable(text)),
                     "\"12GB\", \"800 MB\"");
  return *bytes;
}

Status read_server(TomlTable table, const PathReader& paths, CollegeSpec& out) {
  COE_TRY(out.host, table.string_or("host", out.host));
  COE_TRY(const auto port, table.count_or("port", out.port, 1, 65535));
  out.port = static_cast<std::uint16_t>(port);
  COE_TRY(out.hosts, table.strings_or("hosts", {}));
  COE_TRY(out.keys, paths.at(table, "keys"));
  COE_TRY(out.memory, bytes_at(table, "memory", 0));
  COE_TRY(out.cache, paths.at(table, "cache"));
  COE_TRY(out.cache_bytes, bytes_at(table, "cache_size", out.cache_bytes));
  COE_TRY(out.log, paths.at(table, "log"));
  COE_TRY(out.log_text, table.flag_or("log_text", false));
  auto& serving = out.serving;
  COE_TRY(const auto n_ctx, table.count_or("context", serving.n_ctx, 256, 1U << 24U));
  serving.n_ctx = static_cast<std::uint32_t>(n_ctx);
  COE_TRY(const auto n_new, table.count_or("max_tokens", serving.max_new_tokens, 1, 1U << 24U));
  serving.max_new_tokens = static_cast<std::uint32_t>(n_new);
  COE_TRY(const auto n_threads, table.count_or("threads", 0, 0, 4096));
  serving.n_threads = static_cast<int>(n_threads);
  if (table.has("gpu_layers")) {
    COE_TRY(const auto n_layers, table.count("gpu_layers", 0, 9999));
    serving.n_gpu_layers = static_cast<int>(n_layers);
  }
  COE_TRY(const auto n_parallel, table.count_or("parallel", serving.n_parallel, 1, 256));
  serving.n_parallel = static_cast<std::uint32_t>(n_parallel);
  COE_TRY(serving.think, table.flag_or("think", false));
  return table.finish();
}

Result<MemberSpec> read_member(TomlTable table, const PathReader& paths) {
  MemberSpec out;
  COE_TRY(out.name, name_at(table, ""));
  table.rename(fmt::format("specialist `{}`", out.name));
  out.where = table.where();
  COE_TRY(out.about, table.string_or("about", ""));
  COE_TRY(out.model, paths.model_at(table, "model"));
  COE_TRY(out.parent, paths.model_at(table, "parent"));
  COE_TRY(out.mask, paths.at(table, "mask"));
  COE_TRY(out.address, table.string_or("address", ""));
  COE_TRY(out.remote_model, table.string_or("model_there", ""));
  COE_TRY(out.key_variable, table.string_or("key_variable", ""));
  COE_TRY(out.text, paths.all_at(table, "text"));
  COE_TRY(out.domain, table.string_or("domain", ""));
  if (!out.domain.empty() && out.text.empty()) return table.bad("domain", "it needs `text`");
  const int n_way = (out.model.empty() ? 0 : 1) + (out.address.empty() ? 0 : 1) +
                    (out.parent.empty() && out.mask.empty() ? 0 : 1);
  constexpr std::string_view kWays =
      "model = \"FILE.gguf\"; parent = \"FILE.gguf\" and mask = \"FILE.mask.json\"; or address = "
      "\"http://HOST:PORT\"";
  if (n_way == 0)
    return fail(Code::kCorrupt, fmt::format("{}: it has no model", out.where), std::string(kWays));
  if (n_way > 1)
    return fail(Code::kCorrupt, fmt::format("{}: it has more than one model", out.where),
                std::string(kWays));
  if (out.parent.empty() != out.mask.empty())
    return fail(Code::kCorrupt,
                fmt::format("{}: `{}` is missing", out.where, out.mask.empty() ? "mask" : "parent"),
                std::string(kWays));
  if (out.address.empty() && !(out.remote_model.empty() && out.key_variable.empty()))
    return fail(Code::kCorrupt,
                fmt::format("{}: `model_there` and `key_variable` need an address", out.where),
                std::string(kWays));
  COE_TRY_STATUS(table.finish());
  return out;
}

Status check_names(const CollegeSpec& spec, const std::string& file) {
  for (std::size_t i = 0; i < spec.members.size(); ++i) {
    const auto& member = spec.members[i];
    if (member.name == spec.name)
      return fail(Code::kCorrupt,
                  fmt::format("{}: the college itself is called `{}`", member.where, spec.name),
                  "give one of them another name");
    for (std::size_t other = 0; other < i; ++other)
      if (spec.members[other].name == member.name)
        return fail(Code::kCorrupt,
                    fmt::format("{}: another specialist has this name", member.where));
  }
  for (const auto& [key, name] :
       {std::pair("unsure", spec.unsure), std::pair("consult", spec.merger)}) {
    const auto is_it = [&](const MemberSpec& member) { return member.name == name; };
    if (!name.empty() && std::ranges::none_of(spec.members, is_it))
      return fail(Code::kCorrupt, fmt::format("{}: key `{}`: no specialist is called `{}`", file,
                                              key, printable(name)));
  }
  return {};
}

Result<CollegeSpec> read_root(const toml::table& root, const Path& file) {
  TomlTable table(root, file.string(), "the college");
  const PathReader paths(file.parent_path());
  CollegeSpec out;
  COE_TRY(out.name, name_at(table, out.name));
  COE_TRY(out.unsure, table.string_or("unsure", ""));
  COE_TRY(out.merger, table.string_or("consult", ""));
  COE_TRY(out.dispatcher, paths.at(table, "dispatcher"));
  COE_TRY(auto server, table.table_or_none("server"));
  if (server) COE_TRY_STATUS(read_server(std::move(*server), paths, out));
  COE_TRY(auto members, table.tables("specialist"));
  for (auto& member : members) {
    COE_TRY(auto read, read_member(std::move(member), paths));
    out.members.push_back(std::move(read));
  }
  COE_TRY_STATUS(table.finish());
  COE_TRY_STATUS(check_names(out, file.string()));
  return out;
}

}  // namespace

Result<CollegeSpec> parse_college(std::string_view toml, const Path& file) {
  CollegeSpec spec;
  COE_TRY_STATUS(
      parse_toml(toml, file.string(), kCollegeHelp, [&](const toml::table& root) -> Status {
        COE_TRY(spec, read_root(root, file));
        return {};
      }));
  return spec;
}

Result<CollegeSpec> read_college(const Path& file) {
  COE_TRY(const auto text, read_text(file));
  return parse_college(text, file);
}

CollegeSpec college_of(const Path& model) {
  CollegeSpec spec;
  MemberSpec member;
  member.name = model.stem().string();
  for (char& c : member.name)
    if (!is_member_name(std::string_view(&c, 1)) && c != '.') c = '-';
  if (!is_member_name(member.name)) member.name = "specialist";
  member.where = model.string();
  member.model = model;
  spec.members.push_back(std::move(member));
  return spec;
}

Result<std::vector<std::string>> read_keys(const Path& file) {
  COE_TRY(const auto text, read_text(file));
  std::vector<std::string> keys;
  std::size_t n_line = 0;
  for (std::size_t at = 0; at < text.size();) {
    const auto end = std::min(text.find('\n', at), text.size());
    const auto line = trimmed(std::string_view(text).substr(at, end - at));
    at = end + 1;
    ++n_line;
    if (line.empty() || line.front() == '#') continue;
    if (std::ranges::any_of(line, [](char c) { return c <= ' ' || c > '~'; }))
      return fail(Code::kCorrupt, fmt::format("{}:{}: a key has blanks or bytes beyond ASCII",
                                              file.string(), n_line));
    keys.emplace_back(line);
  }
  if (keys.empty())
    return fail(Code::kCorrupt, fmt::format("{}: it holds no API key", file.string()),
                "one key a line");
  return keys;
}

}  // namespace coe
