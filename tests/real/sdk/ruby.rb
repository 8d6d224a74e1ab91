# SPDX-License-Identifier: Apache-2.0
#
# The AWS SDK for Ruby as anybody's program would use it, by the default chain. Every error is fatal.
#
# ruby.rb s3 ENDPOINT BUCKET SECONDS, ruby.rb identity ENDPOINT: as boto.py. SDK_WEB_STS in the environment: web identity at that STS,
# by a client that is told of it.
require "aws-sdk-s3"
require "json"

def options
  return {} unless ENV["SDK_WEB_STS"]

  sts = Aws::STS::Client.new(endpoint: ENV["SDK_WEB_STS"], credentials: false)
  {credentials: Aws::AssumeRoleWebIdentityCredentials.new(client: sts, role_arn: ENV["AWS_ROLE_ARN"],
                                                          web_identity_token_file: ENV["AWS_WEB_IDENTITY_TOKEN_FILE"], role_session_name: "by-hand")}
end

def s3(endpoint, bucket, seconds)
  client = Aws::S3::Client.new(endpoint: endpoint, force_path_style: true, retry_limit: 0, **options)
  keys, rounds, finish = [], 0, Process.clock_gettime(Process::CLOCK_MONOTONIC) + seconds.to_f
  loop do
    body = "round #{rounds}"
    client.put_object(bucket: bucket, key: "ruby/#{Process.pid}", body: body)
    raise "another body" unless client.get_object(bucket: bucket, key: "ruby/#{Process.pid}").body.read == body

    rounds += 1
    keys |= [client.config.credentials.credentials.access_key_id]
    break if Process.clock_gettime(Process::CLOCK_MONOTONIC) > finish

    sleep 0.1
  end
  puts JSON.generate(rounds: rounds, keys: keys)
end

what, endpoint, *rest = ARGV
if what == "s3"
  s3(endpoint, *rest)
else
  puts Aws::STS::Client.new(endpoint: endpoint, **options).get_caller_identity.arn
end
