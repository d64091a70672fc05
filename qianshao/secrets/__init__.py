"""What production must not have by default: passwords, certificates, tokens, and who may do what at the broker.

passwords      new ones, and their hashes as Mosquitto reads them
certificates   an authority of our own, and a certificate for the broker
accounts       users of the broker, and its access control list, from the registry
folder         all of it in files
"""
