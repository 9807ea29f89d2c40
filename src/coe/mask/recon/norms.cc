#include "coe/mask/recon/norms.h"

#include "coe/base/result.h"
#include "coe/model/gguf/tensor_type.h"
#include "coe/model/gguf/typed_keys.h"
#include "coe/model/gguf/value.h"
#include "coe/model/moe/arch_table.h"

#include <fmt/format.h>

#include <span>

namespace coe {

bool has_output_norm(const MoeModel& model) {
  const auto* arch = find_arch(model.id.architecture);
  return arch != nullptr && arch->output_norm;
}

Result<OutputNorm> read_output_norm(const gguf::GgufFile& file, const MoeModel& model,
                                    LayerId layer) {
  const auto name = fmt::format("blk.{}.post_ffw_norm_2.weight", layer.value);
  const auto* info = file.header().find_tensor(name);
  if (info == nullptr || info->type != gguf::TensorType::kF32 || info->n_dims != 1 ||
      info->ne[0] != model.n_embd)
    return fail(Code::kCorrupt, fmt::format("{}: tensor `{}` is missing or not F32 [{}]",
                                            file.path().string(), name, model.n_embd));
  OutputNorm norm;
  norm.weights.resize(model.n_embd);
  COE_TRY_STATUS(file.read(*info, 0, std::as_writable_bytes(std::span(norm.weights))));
  const auto key = model.id.architecture + ".attention.layer_norm_rms_epsilon";
  const auto value = gguf::find_value(file.header(), key, gguf::ValueType::kF32);
  if (!value) return tl::unexpected<Error>(Error(value.error()).context(file.path().string()));
  norm.eps = static_cast<float>((*value)->as_float().value());
  return norm;
}

}  // namespace coe
