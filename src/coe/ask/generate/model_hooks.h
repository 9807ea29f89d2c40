// A model as building and checking corpora use it: its chat template and its tokenizer.
#pragma once

#include "coe/base/file.h"
#include "coe/base/observer.h"
#include "coe/base/result.h"
#include "coe/corpus/hooks.h"
#include "coe/engine/engine_library.h"

namespace coe {

// The hooks own the engine. An empty path gives no hooks. Errors: those of open_model and
// EngineLibrary::open.
Result<ModelHooks> open_hooks(const Path& model, const EngineLibrary& library, Observer& observer);

}  // namespace coe
