#include "coe/model/store/repository.h"

#include "coe/base/text.h"
#include "coe/model/gguf/reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <map>
#include <optional>
#include <utility>

namespace coe::store {

namespace {

constexpr std::string_view kExtension = ".gguf";

// "-00002-of-00003"
struct PartNumber {
  std::size_t number = 1;  // from 1
  std::size_t n_part = 1;
};
constexpr std::size_t kPartSuffix = 15;

std::optional<std::size_t> five_digits(std::string_view text) {
  std::size_t number = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || stop != text.data() + text.size()) return std::nullopt;
  return number;
}

// Cuts the extension and the part's number off.
std::pair<std::string_view, PartNumber> stem_of(std::string_view path) {
  path.remove_suffix(kExtension.size());
  if (path.size() <= kPartSuffix) return {path, {}};
  const auto suffix = path.substr(path.size() - kPartSuffix);
  const auto number = five_digits(suffix.substr(1, 5));
  const auto n_part = five_digits(suffix.substr(10, 5));
  if (suffix[0] != '-' || suffix.substr(6, 4) != "-of-" || !number || !n_part) return {path, {}};
  if (*number == 0 || *number > *n_part) return {path, {}};
  return {path.substr(0, path.size() - kPartSuffix), {*number, *n_part}};
}

std::string upper_ascii(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  return out;
}

bool is_quant(std::string_view text) {
  static constexpr std::array<std::string_view, 7> kWhole = {"F16",  "F32", "BF16", "FP16",
                                                             "FP32", "FP8", "MXFP4"};
  if (std::ranges::find(kWhole, text) != kWhole.end()) return true;
  if (text.starts_with("MXFP") || text.starts_with("NVFP")) return true;
  for (const std::string_view family : {"Q", "IQ", "TQ"})
    if (text.starts_with(family) && text.size() > family.size() && text[family.size()] >= '0' &&
        text[family.size()] <= '9')
      return true;
  return false;
}

bool has_extension(std::string_view path) {
  return path.size() > kExtension.size() &&
         lower_ascii(path.substr(path.size() - kExtension.size())) == kExtension;
}

// The files of one model, by the number of the part.
struct Group {
  std::size_t n_part = 1;
  std::map<std::size_t, const RepositoryFile*> parts;
};

RepositoryModel model_of(const Group& group) {
  RepositoryModel out;
  out.n_part = group.n_part;
  for (const auto& [number, file] : group.parts) {
    if (out.path.empty()) out.path = file->path;
    out.bytes += file->bytes;
    if (file->problem.empty())
      out.files.push_back(file->file);
    else if (out.problem.empty())
      out.problem = file->problem;
  }
  out.quant = quant_of(out.path);
  if (!out.problem.empty() || group.parts.size() == group.n_part) return out;
  std::size_t missing = 1;
  while (group.parts.contains(missing)) ++missing;
  const Path whole(std::string(stem_of(out.path).first) + std::string(kExtension));
  out.problem = fmt::format("part {} of {} is missing ({})", missing, group.n_part,
                            gguf::part_name(whole, missing - 1, group.n_part).filename().string());
  return out;
}

}  // namespace

std::string quant_of(std::string_view path) {
  if (!has_extension(path)) return {};
  auto stem = stem_of(path).first;
  stem.remove_prefix(stem.rfind('/') + 1);  // npos + 1 is 0
  const auto cut = stem.find_last_of("-.");
  if (cut == std::string_view::npos) return {};
  auto quant = upper_ascii(stem.substr(cut + 1));
  if (!is_quant(quant)) return {};
  // Unsloth's dynamic kinds are asked for with what precedes them.
  if (upper_ascii(stem.substr(0, cut)).ends_with("-UD")) quant.insert(0, "UD-");
  return quant;
}

bool is_model_name(std::string_view path) {
  static constexpr std::array<std::string_view, 6> kOthers = {"mmproj",  "imatrix", "mtp-",
                                                              "eagle3-", "dflash-", "dspark-"};
  if (!has_extension(path)) return false;
  const auto name = lower_ascii(path.substr(path.rfind('/') + 1));  // npos + 1 is 0
  return std::ranges::none_of(
      kOthers, [&](std::string_view other) { return name.find(other) != std::string::npos; });
}

std::vector<RepositoryModel> models_of(const std::vector<RepositoryFile>& files) {
  std::map<std::pair<std::string, std::size_t>, Group> groups;
  for (const auto& file : files) {
    if (!is_model_name(file.path)) continue;
    const auto [stem, part] = stem_of(file.path);
    auto& group = groups[{std::string(stem), part.n_part}];
    group.n_part = part.n_part;
    group.parts.emplace(part.number, &file);
  }
  std::vector<RepositoryModel> models;
  models.reserve(groups.size());
  for (const auto& item : groups) models.push_back(model_of(item.second));
  return models;
}

const std::string& label_of(const RepositoryModel& model, std::span<const RepositoryModel> all) {
  const auto same = std::ranges::count(all, model.quant, &RepositoryModel::quant);
  return !model.quant.empty() && same == 1 ? model.quant : model.path;
}

}  // namespace coe::store
