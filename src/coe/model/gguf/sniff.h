// This tells what a file that is not GGUF looks like, for the error message.
#pragma once

#include "coe/base/file_kind.h"

#include <cstddef>
#include <span>

namespace coe::gguf {

// An empty kind when nothing is recognised.
FileKind sniff(std::span<const std::byte> bytes);

}  // namespace coe::gguf
