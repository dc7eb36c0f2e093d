import { describe, expect, it } from 'vitest';
import { parseS3Uri } from '../../shared/checkpoints/s3-uri.ts';
import { UserError } from '../../shared/core/errors.ts';

describe('parseS3Uri', () => {
  it.each([
    ['s3://my-data/train.hdf5', 'my-data', 'train.hdf5'],
    ['s3://my.data.1/burgers/größe 1%20.hdf5', 'my.data.1', 'burgers/größe 1%20.hdf5'],
    ['s3://abc/a//b?c#d', 'abc', 'a//b?c#d'],
  ])('takes %s apart, the key as it is', (uri, bucket, key) => {
    expect(parseS3Uri(uri)).toEqual({ bucket, key });
  });

  it.each([
    ['', 'is not the address of an object in S3'],
    ['data/train.hdf5', 'is not the address of an object in S3'],
    ['https://my-data.s3.amazonaws.com/train.hdf5', 'is not the address of an object in S3'],
    ['s3:/my-data/train.hdf5', 'is not the address of an object in S3'],
    ['s3:///train.hdf5', 'names no bucket'],
    ['s3://My_Data/train.hdf5', '"My_Data" can\'t be a bucket'],
    ['s3://ab/train.hdf5', '"ab" can\'t be a bucket'],
    ['s3://my-data', 'names a bucket but no object in it'],
    ['s3://my-data/', 'names a bucket but no object in it'],
    ['s3://my-data/burgers/', 'names a folder, not an object'],
  ])('refuses %j and says how to write it', (uri, said) => {
    const parse = () => parseS3Uri(uri);
    expect(parse).toThrow(UserError);
    expect(parse).toThrow(said);
    expect(parse).toThrow('Write s3://bucket/key');
  });
});
