#include "coe/base/result.h"
#include "coe/model/gguf/reader.h"

#include "support/expect.h"
#include "support/temp_dir.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <string>

namespace coe::gguf {
namespace {

using testing::expect_error;
using testing::TempDir;

struct Case {
  std::string name;
  std::string bytes;
  std::string looks_like;
};

class NotGguf : public ::testing::TestWithParam<Case> {};

TEST_P(NotGguf, SaysWhatTheFileLooksLike) {
  const TempDir dir;
  const Path path = dir / "model.gguf";
  std::ofstream(path, std::ios::binary) << GetParam().bytes;
  const auto file = GgufFile::open(path);
  expect_error(file, Code::kCorrupt, "model.gguf: not a GGUF file");
  expect_error(file, Code::kCorrupt, GetParam().looks_like);
}

std::string safetensors() {
  const std::string json = R"({"__metadata__":{}})";
  std::string bytes(8, '\0');
  bytes[0] = static_cast<char>(json.size());
  return bytes + json + "data";
}

INSTANTIATE_TEST_SUITE_P(
    Sniff, NotGguf,
    ::testing::Values(
        Case{"Empty", "", "an empty file"},
        Case{"Safetensors", safetensors(), "a safetensors file"},
        Case{"Zip", "PK\x03\x04 and so on", "a zip archive"},
        Case{"Html", "\n <!DOCTYPE HTML><html>", "an HTML page"},
        Case{"HtmlWithoutDoctype", "<html><body>404", "an HTML page"},
        Case{"GitLfs", "version https://git-lfs.github.com/spec/v1\noid sha256:0",
             "a git-lfs pointer"},
        Case{"Ggml", "lmgg\x01\x00", "before GGUF"}, Case{"Ggjt", "tjgg\x03", "before GGUF"},
        Case{"Json", "{\"a\": 1}", "a JSON text"}, Case{"Pickle", "\x80\x02}q", "a Python pickle"},
        Case{"Gzip", "\x1f\x8b\x08", "a gzip archive"},
        Case{"Zeros", std::string(4096, '\0'), "zeros at its start"},
        Case{"Text", "hello world", "starts with `hell`"}, Case{"Cut", "GGU", "starts with `GGU`"},
        Case{"Binary", "\x01\x02\x03\xff", "starts with `\\x01\\x02\\x03\\xff`"}),
    [](const auto& test) { return test.param.name; });

TEST(Sniff, TellsWhatToDo) {
  const TempDir dir;
  std::ofstream(dir / "model.gguf", std::ios::binary) << safetensors();
  const auto file = GgufFile::open(dir / "model.gguf");
  ASSERT_FALSE(file.has_value());
  EXPECT_THAT(file.error().hint, ::testing::HasSubstr("convert_hf_to_gguf.py"));
}

}  // namespace
}  // namespace coe::gguf
