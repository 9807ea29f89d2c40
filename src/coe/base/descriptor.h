// File descriptors that close themselves, and pipes.
#pragma once

#include "coe/base/result.h"

#include <utility>

namespace coe {

// Owns a descriptor; -1: none.
class Descriptor {
 public:
  explicit Descriptor(int fd = -1) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() { close(); }

  int get() const { return fd_; }
  void close();

 private:
  int fd_;
};

// Opens descriptors 0 to 2 on /dev/null where they are closed, so that no file gets one of them and
// what is printed. Once, before anything is opened.
void open_standard_descriptors();

// Closed in programs that are started, unless handed on.
struct Pipe {
  Descriptor read;
  Descriptor write;
};
// Errors: kIo.
Result<Pipe> make_pipe();

}  // namespace coe
