#include "coe/model/store/about.h"

#include "coe/model/gguf/quantization.h"
#include "coe/model/gguf/reader.h"
#include "coe/model/gguf/typed_keys.h"

#include <fmt/format.h>

namespace coe {

Result<ModelAbout> about_model(const Path& file) {
  COE_TRY(const auto model, gguf::GgufFile::open(file));
  const auto& header = model.header();
  ModelAbout out;
  out.architecture = gguf::text_at(header, "general.architecture").value_or("");
  const auto type = gguf::text_at(header, "general.type").value_or("");
  if (out.architecture == "clip" || type == "mmproj" || type == "adapter" || type == "imatrix")
    return fail(Code::kUnsupported,
                fmt::format("{}: is no model but what goes with one ({})", file.string(),
                            type.empty() ? "mmproj" : type),
                "give the model that it goes with");
  const auto count = [&](std::string_view key) {
    return gguf::count_at(header, fmt::format("{}.{}", out.architecture, key)).value_or(0);
  };
  out.n_expert = count("expert_count");
  out.n_expert_used = count("expert_used_count");
  out.quantization = gguf::quantization_of(header);
  if (out.quantization.empty()) out.quantization = gguf::most_common_type(header);
  return out;
}

}  // namespace coe
