#include "coe/base/sha256.h"

#include "coe/base/file.h"
#include "coe/base/observer.h"

#include "support/expect.h"
#include "support/temp_dir.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <sys/stat.h>

namespace coe {
namespace {

using testing::expect_error;
using testing::expect_ok;
using testing::TempDir;
using testing::value_of;

// These are examples of FIPS 180-4.
constexpr const char* kNothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
constexpr const char* kAbc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
constexpr const char* kMillion = "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0";

TEST(Sha256, GivesTheStandardsExamples) {
  EXPECT_EQ(sha256_of(""), kNothing);
  EXPECT_EQ(sha256_of("abc"), kAbc);
  EXPECT_EQ(sha256_of(std::string(1'000'000, 'a')), kMillion);
}

TEST(Sha256, TakesPiecesAndGoesOnAfterHex) {
  Sha256 hash;
  EXPECT_EQ(hash.hex(), kNothing);
  const std::string a = "a";
  const std::string bc = "bc";
  hash.add(std::as_bytes(std::span(a)));
  EXPECT_EQ(hash.hex(), sha256_of("a"));
  hash.add(std::as_bytes(std::span(bc)));
  EXPECT_EQ(hash.hex(), kAbc);
}

class Counts : public Observer {
 public:
  explicit Counts(int stop_at = -1) : stop_at_(stop_at) {}
  void progress(std::string_view stage, std::uint64_t done, std::uint64_t total,
                std::string_view unit) override {
    EXPECT_EQ(stage, "SHA-256");
    EXPECT_EQ(unit, "bytes");
    EXPECT_LE(done, total);
    last = done;
  }
  bool cancelled() override { return stop_at_-- == 0; }
  std::uint64_t last = 0;

 private:
  int stop_at_;
};

TEST(Sha256File, ReadsAFileInPieces) {
  const TempDir dir;
  const std::string text((std::size_t{9} << 20) + 7, 'x');
  expect_ok(write_file(dir / "f", text, Overwrite::kRefuse));
  Counts counts;
  EXPECT_EQ(value_of(sha256_file(dir / "f", "SHA-256", counts)), sha256_of(text));
  EXPECT_EQ(counts.last, std::uint64_t{8} << 20);
  Counts stops(1);
  expect_error(sha256_file(dir / "f", "SHA-256", stops), Code::kCancelled, "stopped");
  expect_ok(write_file(dir / "empty", "", Overwrite::kRefuse));
  EXPECT_EQ(value_of(sha256_file(dir / "empty", "SHA-256", counts)), kNothing);
}

TEST(Sha256File, RefusesWhatIsNoFile) {
  const TempDir dir;
  expect_error(sha256_file(dir / "none", "SHA-256", silent_observer()), Code::kNotFound, "none");
  expect_error(sha256_file(dir.path(), "SHA-256", silent_observer()), Code::kUnsupported,
               "not a regular file");
  ASSERT_EQ(::mkfifo((dir / "pipe").c_str(), 0600), 0);
  expect_error(sha256_file(dir / "pipe", "SHA-256", silent_observer()), Code::kUnsupported,
               "not a regular file");
}

}  // namespace
}  // namespace coe
