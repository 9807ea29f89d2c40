// Work can be done in a process of its own. What it allocates is given back whole, its memory can
// be told from ours, and running out of memory ends it and not us.
#pragma once

#include "coe/base/result.h"

#include <functional>
#include <string>

namespace coe {

// Forks, runs `work` there and returns what it returned. To be called before this process has
// started threads or opened a GPU: neither survives a fork. What `work` changes in memory is lost;
// what it prints is not. Errors: those of `work`; kIo without a new process; kEngine where the
// process was killed or ended by itself.
Result<std::string> run_isolated(const std::function<Result<std::string>()>& work);

}  // namespace coe
