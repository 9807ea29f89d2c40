#include "coe/model/moe/open_model.h"

#include "coe/base/inputs.h"

#include <cstddef>
#include <memory>
#include <utility>

namespace coe {

Result<OpenModel> open_model(const Path& path, Observer& observer) {
  COE_TRY(auto file, gguf::GgufFile::open(path));
  COE_TRY(auto moe, describe_moe(file));
  // The first was named by whoever called, who protects it.
  for (std::size_t i = 1; i < file.n_part(); ++i)
    protect_input(file.part_path(i), "a part of the model");
  for (const auto& warning : moe.warnings) observer.warning(warning);
  return OpenModel{std::move(file), std::move(moe)};
}

Result<OpenModel> open_model(std::shared_ptr<const gguf::GgufSource> source, Observer& observer) {
  auto file = gguf::GgufFile::of(std::move(source));
  COE_TRY(auto moe, describe_moe(file));
  for (const auto& warning : moe.warnings) observer.warning(warning);
  return OpenModel{std::move(file), std::move(moe)};
}

}  // namespace coe
