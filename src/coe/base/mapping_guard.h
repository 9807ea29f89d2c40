// A mapped file that becomes shorter while it is read ends a process with SIGBUS. With the guard it
// ends with an error in words.
#pragma once

#include <cstddef>
#include <string_view>

namespace coe {

// Installs the handler, for all threads. The process then ends with `exit_code` and no destructors:
// a temporary stays and is removed by the next run of the same output. Once, at the start.
void guard_mappings(int exit_code);

// Names a mapping for the message. More than a few dozen at once have no name.
void name_mapping(const void* begin, std::size_t size, std::string_view name);
void forget_mapping(const void* begin);

}  // namespace coe
