// A GgufSource as the FILE* that llama.cpp reads models from.
#pragma once

#include "coe/base/result.h"
#include "coe/model/gguf/gguf_source.h"

#include <cstdio>
#include <memory>

namespace coe {

class SourceFile {
 public:
  // Errors: kIo without memory for it; kUnsupported where the C library cannot make a FILE* of a
  // function (fopencookie: glibc and musl can).
  static Result<std::unique_ptr<SourceFile>> open(const gguf::GgufSource& source);
  SourceFile(const SourceFile&) = delete;
  SourceFile& operator=(const SourceFile&) = delete;
  ~SourceFile();

  std::FILE* get() const { return file_; }
  // The first error of the source: all that llama.cpp learns is that a read failed.
  const Status& status() const { return status_; }

 private:
  explicit SourceFile(const gguf::GgufSource& source) : source_(source) {}
  struct Cookie;

  const gguf::GgufSource& source_;
  std::FILE* file_ = nullptr;
  std::uint64_t position_ = 0;
  Status status_;
};

}  // namespace coe
