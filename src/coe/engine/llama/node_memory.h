// This finds where the values of a node of llama.cpp's graph lie. Views have no memory of their
// own.
#pragma once

#include <ggml-backend.h>
#include <ggml.h>

namespace coe {

inline const ggml_tensor* owner_of(const ggml_tensor* node) {
  return node->view_src != nullptr ? node->view_src : node;
}

inline ggml_backend_buffer_t buffer_of(const ggml_tensor* node) { return owner_of(node)->buffer; }

}  // namespace coe
