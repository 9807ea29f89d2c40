// Owners of ggml's objects.
#pragma once

#include <ggml-alloc.h>
#include <ggml-backend.h>
#include <ggml.h>

#include <memory>
#include <type_traits>

namespace coe {

template <auto free>
struct GgmlFree {
  template <class T>
  void operator()(T* object) const {
    free(object);
  }
};
using BackendPtr =
    std::unique_ptr<std::remove_pointer_t<ggml_backend_t>, GgmlFree<ggml_backend_free>>;
using BufferPtr = std::unique_ptr<std::remove_pointer_t<ggml_backend_buffer_t>,
                                  GgmlFree<ggml_backend_buffer_free>>;
using AllocatorPtr =
    std::unique_ptr<std::remove_pointer_t<ggml_gallocr_t>, GgmlFree<ggml_gallocr_free>>;
using ContextPtr = std::unique_ptr<ggml_context, GgmlFree<ggml_free>>;

}  // namespace coe
