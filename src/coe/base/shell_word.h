// Words of commands, as a shell takes them.
#pragma once

#include <string>
#include <string_view>

namespace coe {

// `word` as a POSIX shell reads it back.
std::string shell_word(std::string_view word);

}  // namespace coe
