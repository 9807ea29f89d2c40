// MatrixProducts by a backend of ggml's.
#pragma once

#include "coe/base/result.h"
#include "coe/engine/matrix_products.h"

#include <ggml-backend.h>

#include <memory>

namespace coe {

// On the device that has buffers of `type`. `n_thread` threads copy what goes there and comes back,
// where the device has memory of the host's that it reaches by itself: one thread copies a fifth of
// what the bus carries. Errors: kEngine where it cannot be opened once more, or
// where its products are no better than those of half floats.
Result<std::unique_ptr<MatrixProducts>> open_device_products(ggml_backend_buffer_type_t type,
                                                             unsigned n_thread);

}  // namespace coe
