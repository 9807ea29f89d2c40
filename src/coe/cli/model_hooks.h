// The model of -m, as building and checking corpora use it.
#pragma once

#include "coe/base/file.h"
#include "coe/base/result.h"
#include "coe/cli/session.h"
#include "coe/corpus/hooks.h"

namespace coe::cli {

// No hooks for an empty path. The hooks own the engine. Errors: those of open_model and
// EngineLibrary::open.
Result<ModelHooks> open_hooks(const Path& model, Session& session);

}  // namespace coe::cli
