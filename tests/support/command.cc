#include "support/command.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <sys/wait.h>

namespace coe::testing {

namespace {

std::string slurp(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

}  // namespace

CommandResult run_command(const std::string& folder, const std::string& command) {
  const std::string out = folder + "/.stdout";
  const std::string err = folder + "/.stderr";
  const std::string script = "cd '" + folder + "' && coe() { '" COE_BINARY "' \"$@\"; } && { " +
                             command + "\n} >'" + out + "' 2>'" + err + "' </dev/null";
  const int status = std::system(script.c_str());
  CommandResult result;
  result.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  result.out = slurp(out);
  result.err = slurp(err);
  std::filesystem::remove(out);
  std::filesystem::remove(err);
  return result;
}

}  // namespace coe::testing
