// Fixture for tests of the binary from outside, each in a folder of its own.
#pragma once

#include "support/command.h"
#include "support/temp_dir.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

namespace coe::testing {

class CliTest : public ::testing::Test {
 protected:
  CommandResult run(const std::string& command) const {
    return run_command(dir_.path().string(), command);
  }
  // Sends the command (`coe ...`) a signal as soon as the shell's condition holds, however long a
  // slow build takes to get there; the result is that of the command.
  CommandResult run_and_signal(const std::string& command, const std::string& signal,
                               const std::string& condition) const {
    return run("exec 3>&2 2>/dev/null; '" COE_BINARY "'" + command.substr(3) + " 2>&3 & until " +
               condition + " || ! kill -0 $!; do sleep 0.02; done; kill -" + signal +
               " $!; wait $!");
  }
  // With --json; the command must succeed.
  nlohmann::json run_json(const std::string& command) const {
    const auto result = run(command + " --json");
    EXPECT_EQ(result.exit_code, 0) << command << "\n" << result.err;
    return nlohmann::json::parse(result.out);
  }
  void write(const std::string& name, const std::string& content) const {
    std::filesystem::create_directories((dir_ / name).parent_path());
    std::ofstream(dir_ / name, std::ios::binary) << content;
  }
  std::string read(const std::string& name) const {
    std::ifstream in(dir_ / name, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  std::vector<nlohmann::json> read_lines(const std::string& name) const {
    std::ifstream in(dir_ / name);
    std::vector<nlohmann::json> out;
    for (std::string line; std::getline(in, line);) out.push_back(nlohmann::json::parse(line));
    return out;
  }

  TempDir dir_;
};

}  // namespace coe::testing
