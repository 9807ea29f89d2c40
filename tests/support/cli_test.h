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
