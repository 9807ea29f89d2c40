#include "coe/model/moe/down_projection.h"

#include "coe/base/result.h"
#include "coe/model/gguf/reader.h"
#include "coe/model/moe/arch_table.h"
#include "coe/model/moe/model.h"

namespace coe {

DownProjection down_projection(const gguf::Header& header, const MoeLayer& layer) {
  DownProjection out;
  bool found = false;
  for (const auto& expert : layer.experts) {
    const auto name = split_block_name(header.tensors[expert.tensor].name);
    COE_CHECK(name.has_value());
    if (name->suffix == "ffn_down_exps.weight") {
      out.weight = expert;
      found = true;
    } else if (name->suffix == "ffn_down_exps.scale" ||
               name->suffix == "ffn_gate_inp.per_expert_scale") {
      out.scale = expert.tensor;
    }
  }
  COE_CHECK(found);  // describe_moe has made sure
  return out;
}

}  // namespace coe
