#include "coe/ask/endpoint/address.h"

#include "support/expect.h"

#include <gtest/gtest.h>

#include <string>

namespace coe {
namespace {

using coe::testing::expect_error;
using coe::testing::value_of;

void expect_address(const std::string& text, Api api, const std::string& openai,
                    const std::string& ollama) {
  const auto address = value_of(parse_address(text));
  EXPECT_EQ(address.api, api) << text;
  EXPECT_EQ(address.openai, openai) << text;
  EXPECT_EQ(address.ollama, ollama) << text;
}

TEST(Address, TakesTheFormsThatPeopleType) {
  const std::string openai = "http://127.0.0.1:8080/v1";
  const std::string ollama = "http://127.0.0.1:8080/api";
  for (const char* text : {"127.0.0.1:8080", "http://127.0.0.1:8080", "HTTP://127.0.0.1:8080///"})
    expect_address(text, Api::kAuto, openai, ollama);
  for (const char* text :
       {"127.0.0.1:8080/v1", "http://127.0.0.1:8080/v1/",
        "http://127.0.0.1:8080/v1/chat/completions", "127.0.0.1:8080/v1/chat/completions/"})
    expect_address(text, Api::kOpenAi, openai, ollama);
  for (const char* text : {"127.0.0.1:8080/api", "http://127.0.0.1:8080/api/chat"})
    expect_address(text, Api::kOllama, openai, ollama);
}

TEST(Address, KeepsFoldersBeforeThePath) {
  expect_address("https://host/models", Api::kAuto, "https://host/models/v1",
                 "https://host/models/api");
  expect_address("https://host/a/b/v1", Api::kOpenAi, "https://host/a/b/v1",
                 "https://host/a/b/api");
  expect_address("https://host/a/v4/chat/completions", Api::kOpenAi, "https://host/a/v4",
                 "https://host/a/api");
  // A path of the server's own, without a version.
  expect_address("https://host/x/chat/completions", Api::kOpenAi, "https://host/x",
                 "https://host/x/api");
  // A version that is not the end, or another.
  expect_address("https://host/v1beta/openai/", Api::kOpenAi, "https://host/v1beta/openai",
                 "https://host/v1beta/openai/api");
  expect_address("https://host/v1/openai/chat/completions", Api::kOpenAi, "https://host/v1/openai",
                 "https://host/v1/openai/api");
  expect_address("https://host/api/v3", Api::kOpenAi, "https://host/api/v3",
                 "https://host/api/api");
  expect_address("https://host/v1alpha2", Api::kOpenAi, "https://host/v1alpha2",
                 "https://host/api");
  for (const char* folder : {"v", "vx", "v1x", "view1", "1"})
    expect_address(std::string("https://host/") + folder, Api::kAuto,
                   std::string("https://host/") + folder + "/v1",
                   std::string("https://host/") + folder + "/api");
  expect_address("https://host/a@b/v1", Api::kOpenAi, "https://host/a@b/v1",
                 "https://host/a@b/api");
  expect_address("http://[::1]:11434", Api::kAuto, "http://[::1]:11434/v1",
                 "http://[::1]:11434/api");
}

TEST(Address, RefusesWhatIsNone) {
  for (const char* text : {"", "http://", ":8080", "http:///v1", "http://:80/v1"})
    expect_error(parse_address(text), Code::kInvalidArgument, "there is no host");
  expect_error(parse_address("ftp://host"), Code::kInvalidArgument, "only http and https");
  expect_error(parse_address("http://host/v1?key=1"), Code::kInvalidArgument, "follow the path");
  expect_error(parse_address("ho st"), Code::kInvalidArgument, "blanks");
  expect_error(parse_address("host\n/v1"), Code::kInvalidArgument, "blanks");
  for (const char* text : {"host:99999", "http://host:http/v1"})
    expect_error(parse_address(text), Code::kInvalidArgument, "port number");
  expect_error(parse_address("http://ho{st"), Code::kInvalidArgument,
               "`http://ho{st`: bad hostname");
  for (const char* text :
       {"https://me:hunter2@host/v1", "https://me:hunter2@host:no/v1", "ftp://me:hunter2@host",
        "http:///me:hunter2@host", "me:hunter2@host/v1?key=1"}) {
    const auto secret = parse_address(text);
    expect_error(secret, Code::kInvalidArgument, "password");
    EXPECT_EQ(secret.error().message.find("hunter2"), std::string::npos);
  }
}

TEST(Address, NamesProtocols) {
  EXPECT_EQ(value_of(parse_api("ollama")), Api::kOllama);
  EXPECT_EQ(value_of(parse_api("auto")), Api::kAuto);
  EXPECT_EQ(value_of(parse_api(api_name(Api::kOpenAi))), Api::kOpenAi);
  expect_error(parse_api("grpc"), Code::kInvalidArgument, "`grpc`");
}

}  // namespace
}  // namespace coe
