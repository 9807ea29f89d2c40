#include "coe/child/surgery/records.h"

#include "coe/mask/keep_mask.h"
#include "coe/model/gguf/typed_keys.h"

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

namespace coe {
namespace {

std::optional<std::uint32_t> small_count_at(const gguf::Header& header, std::string_view key) {
  const auto count = gguf::count_at(header, key);
  if (!count || *count > std::numeric_limits<std::uint32_t>::max()) return std::nullopt;
  return static_cast<std::uint32_t>(*count);
}

}  // namespace

std::optional<CutRecords> read_cut_records(const gguf::Header& header) {
  const auto parent = gguf::text_at(header, "coe.parent.name");
  const auto n_expert = small_count_at(header, "coe.parent.n_expert");
  const auto n_keep = small_count_at(header, "coe.n_keep");
  if (!parent || !n_expert || !n_keep) return std::nullopt;
  CutRecords records{
      .version = gguf::text_at(header, "coe.version").value_or(""),
      .mode = gguf::text_at(header, "coe.mode").value_or(""),
      .parent_name = *parent,
      .parent_digest = gguf::text_at(header, "coe.parent.digest").value_or(""),
      .n_expert = *n_expert,
      .n_keep = *n_keep,
      .n_used = small_count_at(header, "coe.n_used").value_or(0),
      .n_layer = 0,
      .domain = {},
      .heal_settings = gguf::text_at(header, "coe.heal.settings").value_or(""),
      .heal_text_digest = gguf::text_at(header, "coe.heal.text_digest").value_or("")};
  if (const auto mask = parse_mask(gguf::text_at(header, "coe.mask").value_or(""), "coe.mask")) {
    records.n_layer = static_cast<std::uint32_t>(mask->layers().size());
    records.domain = mask_domain(*mask);
  }
  return records;
}

}  // namespace coe
