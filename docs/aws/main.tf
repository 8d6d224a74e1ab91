# People of an OpenID provider may assume roles of this account through valetkey.
#
#   module "valetkey" {
#     source    = "./valetkey"
#     issuer    = "https://login.example.com"
#     client_id = "valetkey"
#     roles     = { dev = { team = "payments", policy_arns = ["arn:aws:iam::aws:policy/ReadOnlyAccess"] } }
#   }

terraform {
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.81" # thumbprints may be left out since then
    }
  }
}

variable "issuer" {
  description = "The issuer, to the letter as the provider's discovery document and valetkey.conf have it."
  type        = string
  validation {
    condition     = startswith(var.issuer, "https://")
    error_message = "STS speaks to providers over https only."
  }
}

variable "client_id" {
  description = "The client that valetkey signs in as; the aud of its ID tokens."
  type        = string
}

variable "roles" {
  description = "Role name to: the team tag its people must bring, its permissions, its longest session in seconds."
  type = map(object({
    team                 = string
    policy_arns          = list(string)
    max_session_duration = optional(number, 3600)
  }))
}

resource "aws_iam_openid_connect_provider" "people" {
  url            = var.issuer
  client_id_list = [var.client_id]
}

resource "aws_iam_role" "people" {
  for_each             = var.roles
  name                 = each.key
  max_session_duration = each.value.max_session_duration
  assume_role_policy = templatefile("${path.module}/trust-policy.json", {
    provider_arn = aws_iam_openid_connect_provider.people.arn
    issuer       = trimprefix(var.issuer, "https://")
    client_id    = var.client_id
    team         = each.value.team
  })
}

locals {
  attachments = merge([
    for name, role in var.roles : { for arn in role.policy_arns : "${name} ${arn}" => { role = name, arn = arn } }
  ]...)
}

resource "aws_iam_role_policy_attachment" "people" {
  for_each   = local.attachments
  role       = aws_iam_role.people[each.value.role].name
  policy_arn = each.value.arn
}

output "valetkey_conf" {
  description = "What belongs into valetkey.conf."
  value = join("\n", [
    for name, role in aws_iam_role.people : "[role ${name}]\nrole_arn = ${role.arn}\nduration = ${var.roles[name].max_session_duration}s\n"
  ])
}
