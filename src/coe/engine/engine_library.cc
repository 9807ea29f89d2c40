#include "coe/engine/engine_library.h"

namespace coe {

Result<Engine*> LazyEngine::get() {
  if (!engine_) {
    COE_TRY(engine_, library_.open(options_));
  }
  return engine_.get();
}

}  // namespace coe
