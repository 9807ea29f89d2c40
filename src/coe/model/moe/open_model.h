// A model's file together with its MoE description.
#pragma once

#include "coe/base/file.h"
#include "coe/base/observer.h"
#include "coe/base/result.h"
#include "coe/model/gguf/reader.h"
#include "coe/model/moe/model.h"

#include <memory>

namespace coe {

struct OpenModel {
  gguf::GgufFile file;
  MoeModel moe;
};

// Tells `observer` the description's warnings. Errors: those of GgufFile::open and describe_moe.
Result<OpenModel> open_model(const Path& path, Observer& observer);
// The same of a model that is no file.
Result<OpenModel> open_model(std::shared_ptr<const gguf::GgufSource> source, Observer& observer);

}  // namespace coe
