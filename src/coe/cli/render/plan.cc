#include "coe/cli/render/plan.h"

#include "coe/cli/render/table.h"
#include "coe/model/gguf/tensor_type.h"

#include <fmt/format.h>

#include <cstddef>
#include <utility>
#include <vector>

namespace coe::cli {

Json plan_json(const SurgeryPlan& plan) {
  Json tensors = Json::array();
  for (std::size_t p = 0; p < plan.parts.size(); ++p) {
    const PartPlan& part = plan.parts[p];
    for (std::size_t i = 0; i < part.tensors.size(); ++i) {
      const auto& planned = part.tensors[i];
      Json ranges = Json::array();
      for (const auto& range : planned.ranges)
        if (range.source == ByteRange::Source::kParent)
          ranges.push_back({range.part, range.offset, range.n_bytes});
      tensors.push_back({{"name", part.header.tensors[i].name},
                         {"file", p},
                         {"cut", planned.cut},
                         {"rewritten", !planned.bytes.empty()},
                         {"ranges", std::move(ranges)}});
    }
  }
  return tensors;
}

std::string plan_table(const SurgeryPlan& plan) {
  std::vector<std::vector<std::string>> rows = {{"tensor", "type", "shape", "bytes", "ranges"}};
  for (const auto& part : plan.parts) {
    for (std::size_t i = 0; i < part.tensors.size(); ++i) {
      const auto& tensor = part.header.tensors[i];
      const auto& planned = part.tensors[i];
      if (!planned.cut) continue;
      rows.push_back(
          {tensor.name, std::string(gguf::traits(tensor.type).name), gguf::shape_text(tensor),
           fmt::format("{}", tensor.n_bytes),
           planned.bytes.empty() ? fmt::format("{}", planned.ranges.size()) : "rewritten"});
    }
  }
  return format_table(rows);
}

}  // namespace coe::cli
